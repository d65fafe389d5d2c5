#!/bin/sh
# Installs what the test suites need from Debian's packages: a browser with a
# Chinese font, and as root a Docker engine, which the tests start by themselves, as they do
# PostgreSQL and MariaDB.
# As root it installs; otherwise it says what is missing.
set -eu
need=""
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || need="$need chromium"
fc-list :lang=zh 2>/dev/null | grep -q . || need="$need fonts-noto-cjk"
command -v skopeo >/dev/null 2>&1 || need="$need skopeo"
command -v python3 >/dev/null 2>&1 || need="$need python3" # the starter kit's example
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need="$need postgresql"
command -v mariadb-install-db >/dev/null 2>&1 || need="$need mariadb-server-core"
command -v my_print_defaults >/dev/null 2>&1 || need="$need mariadb-client-core" # mariadb-install-db asks it
if [ "$(id -u)" = 0 ]; then
  command -v dockerd >/dev/null 2>&1 || [ -x /usr/sbin/dockerd ] && command -v docker >/dev/null 2>&1 || need="$need docker.io"
fi
[ -n "$need" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing$need"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null
  case "$need" in *docker.io*) # since Debian 13 its command is a package of its own
    if apt-cache show docker-cli >/dev/null 2>&1; then need="$need docker-cli"; fi ;;
  esac
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $need fontconfig >/dev/null
  exit 0
fi
echo "the tests need:$need"
echo "install them with: sudo apt-get install$need fontconfig"
[ -z "${CI:-}" ] || exit 1
