# shellcheck shell=sh
# Runs in the live session of Ubuntu's installer before it looks at anything: sh -c THIS imagectl SHA256. The deploy
# environment comes into a folder of the session's memory, and takes its first turn: the disk is chosen and wiped. The
# document for this machine takes the place of the one that told the installer to run this.
set -eu
sha256=$1
environment=/imagectl-environment
packed=$environment/environment.tar.gz

artefacts=
set -f
# shellcheck disable=SC2013 # words are wanted: the kernel command line has no lines
for word in $(cat /proc/cmdline); do
  case $word in imagectl.artefacts=*) artefacts=${word#*=} ;; esac
done
set +f

mkdir -p "$environment"
mountpoint -q "$environment" || mount -t tmpfs -o mode=755 imagectl "$environment"
# Of what a session may have to fetch with, Python is there for certain: cloud-init is written in it.
fetch='import shutil, sys, urllib.request as web
web.install_opener(web.build_opener(web.ProxyHandler({})))
shutil.copyfileobj(web.urlopen(sys.argv[1], timeout=60), open(sys.argv[2], "wb"))'
until python3 -c "$fetch" "$artefacts/$sha256" "$packed" &&
  echo "$sha256  $packed" | sha256sum --check --status; do
  echo "the deploy environment did not come from $artefacts, again in 10 s"
  sleep 10
done
tar -xzf "$packed" -C "$environment"
rm "$packed"

"$environment/imagectl/turn" answers
cp /run/imagectl/autoinstall.answer /autoinstall.yaml
