/** Names that the installer refuses for its user. Source: subiquity 24.04.4.1, reserved-usernames (from base-passwd 3.5.41). */

export const reservedNames: ReadonlySet<string> = new Set(
  [
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats nobody",
    "adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl",
    "plugdev staff users nogroup netplan ftn mysql tac-plus alias qmail qmaild qmails qmailr qmailq qmaill qmailp",
    "asterisk vpopmail vchkpw slurm hacluster haclient grsec-tpe grsec-sock-all grsec-sock-clt grsec-sock-srv",
    "grsec-proc ceph opensrf libvirt-qemu admin Debian-exim bind crontab cupsys dcc dhcp dictd dnsmasq dovecot",
    "fetchmail firebird ftp fuse gdm haldaemon hplilp identd input jwhois klog kvm lpadmin maas messagebus mythtv",
    "netdev powerdev radvd render saned sbuild scanner sgx slocate ssh sshd ssl-cert sslwrap statd syslog telnetd",
    "tftpd",
  ].flatMap((line) => line.split(" ")),
);
