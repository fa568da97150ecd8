# shellcheck shell=sh
# gzip: what every installer's session can unpack.
tar --create --directory /environment --sort name --owner 0 --group 0 --numeric-owner \
  --mtime "@${SOURCE_DATE_EPOCH:?}" . | gzip --no-name >/out/environment.tar.gz
