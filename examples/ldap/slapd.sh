#!/usr/bin/env bash
# Starts OpenLDAP with the twenty people of `people.ldif` on this machine and keeps it running until Ctrl-C.
# ldap://localhost:10389 (StartTLS) and ldaps://localhost:10636; everything lies in `.slapd`, which is made anew.
# Needs: apt-get install --no-install-recommends slapd ldap-utils openssl
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PATH:/usr/sbin"
for program in slapd slapadd openssl; do
  command -v "$program" >/dev/null || { echo "\`$program\` is missing: apt-get install --no-install-recommends slapd ldap-utils openssl" >&2; exit 1; }
done
here="$PWD/.slapd"
rm -rf "$here"
mkdir -p "$here/db"
# An authority and a certificate of its own: a server that shows the authority's certificate itself is not believed.
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=Example CA' -addext 'basicConstraints=critical,CA:TRUE' \
  -keyout "$here/ca.key" -out "$here/ca.pem" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$here/key.pem" -out "$here/request.pem" 2>/dev/null
openssl x509 -req -in "$here/request.pem" -CA "$here/ca.pem" -CAkey "$here/ca.key" -CAcreateserial -days 30 \
  -out "$here/cert.pem" -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n') 2>/dev/null
cat > "$here/slapd.conf" <<CONF
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile $here/slapd.pid
argsfile $here/slapd.args
TLSCertificateFile $here/cert.pem
TLSCertificateKeyFile $here/key.pem
database mdb
suffix dc=corp,dc=example
rootdn cn=admin,dc=corp,dc=example
rootpw admin
directory $here/db
access to attrs=userPassword by anonymous auth by * none
access to * by users read
CONF
slapadd -q -f "$here/slapd.conf" -l people.ldif
echo "OpenLDAP is ready. In another terminal, here:"
echo "  export LDAP_BIND_PASSWORD=only-for-this-example"
echo "  sed '/^recording/d' job.toml > live.toml"
echo "  rollcall test-connection live.toml"
exec slapd -f "$here/slapd.conf" -h "ldap://localhost:10389/ ldaps://localhost:10636/" -d 0
