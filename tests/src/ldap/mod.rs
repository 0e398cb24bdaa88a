//! Real directories for the tests: OpenLDAP's `slapd` and Samba as an Active Directory domain controller, on loopback
//! and in a folder of their own; and a small one of our own for what neither of them does.

pub mod packages;
pub mod people;
pub mod pki;
pub mod samba;
pub mod slapd;
pub mod windows;
