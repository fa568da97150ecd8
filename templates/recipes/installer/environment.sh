# shellcheck shell=sh
# The deploy environment's folder among the installer's own files, and the hooks by which the installer calls it. The
# kernel lays this archive over the installer's.
mkdir -p /installer
cp -R /run/imagectl/installer/. /installer
mv /environment /installer/imagectl-environment
cd /installer || exit
find . -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH:?}" {} +
find . | LC_ALL=C sort | cpio --create --format newc --reproducible --owner 0:0 --quiet | zstd -q >/out/installer.img
