//! OpenLDAP: a directory that answers as fast as it can, with groups to be walked.

use std::process::Command;

use rollcall_tests::ldap::people::{READER, SUFFIX, company};
use rollcall_tests::ldap::slapd::{Setup, Slapd};

use crate::Wanted;
use crate::process::{SYNC, machine, measured, rollcall};
use crate::table::Table;

/// How many groups everybody is spread over.
const GROUPS: usize = 20;

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("ldap") {
        return;
    }
    let Some(server) = Slapd::start(&Setup::new(company(wanted.users, GROUPS))) else { return };
    let mut env = machine();
    env.set("BIND_PASSWORD", READER);
    env.write("ca.pem", std::fs::read(&server.certificate.authority).unwrap());
    let job = format!(
        "name = \"Directory\"\n[directory]\nconnector = \"ldap\"\n[directory.settings]\nurl = \"{}\"\nca_file = \"ca.pem\"\n\
         base_dn = \"ou=people,{SUFFIX}\"\nbind_dn = \"cn=reader,{SUFFIX}\"\n[directory.credentials]\n\
         bind_password = {{ env = \"BIND_PASSWORD\" }}\n[phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n[fields]\n\
         user_identification = \"id\"\nname = \"uid\"\nfull_name = \"displayName\"\nemail = \"mail\"\n\
         extension = \"numbers::extension(telephoneNumber)\"\ngroup_membership = \"groups\"\n\
         [synchronize]\nnew = true\nupdate = true\n",
        server.ldaps()
    );
    env.write("job.toml", job);
    let sync = || rollcall(env.command(&SYNC).env_remove("ROLLCALL_NOW"));
    let (first, _) = sync();
    table.row("ldap: first sync, everybody is made", first, None, "");
    let _ = sync();
    let mut search = Command::new("/usr/bin/ldapsearch");
    search
        .env("LDAPTLS_CACERT", env.path("ca.pem"))
        .args(["-x", "-LLL", "-H", &server.ldaps(), "-D", &format!("cn=reader,{SUFFIX}"), "-w", READER])
        .args(["-b", SUFFIX, "-E", "pr=1000/noprompt"])
        .arg("(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))");
    let (floor, printed) = measured(&mut search);
    table.row("ldap: ldapsearch of the same", floor, None, &format!("{} MB", printed.len() / 1_000_000));
    let (used, report) = sync();
    let times = used.wall.as_secs_f64() / floor.wall.as_secs_f64();
    let more = format!("{times:.2} x the time of ldapsearch, {} unchanged", report["summary"]["unchanged"]);
    table.row(&format!("ldap: no change, {GROUPS} groups"), used, None, &more);
}
