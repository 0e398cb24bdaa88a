//! Every bound on what a foreign server may cost us, in one place, with its unit.

use std::time::Duration;

/// How long a connection, TLS included, may take to come about.
pub const CONNECT: Duration = Duration::from_secs(15);
/// How long a server may be silent in the middle of an answer.
pub const SILENCE: Duration = Duration::from_secs(60);
/// How long one exchange may take, from the first byte sent to the last byte read.
pub const EXCHANGE: Duration = Duration::from_secs(600);
/// How long an idle connection is kept for the next request.
pub const IDLE: Duration = Duration::from_secs(60);
/// How long a name may take to resolve.
pub const RESOLVE: Duration = Duration::from_secs(10);
/// The most addresses of a name that are looked at.
pub const ADDRESSES: usize = 32;
/// The most headers of a response.
pub const RESPONSE_HEADERS: usize = 200;
/// The most bytes of all headers of a response.
pub const RESPONSE_HEADER_BYTES: usize = 64 << 10;
/// The most bytes of a response's body after decompression, unless the caller says another figure.
pub const RESPONSE_BYTES: u64 = 64 << 20;
/// The most bytes of a token endpoint's answer.
pub const TOKEN_ANSWER_BYTES: u64 = 1 << 20;
/// The longest token, in bytes.
pub const TOKEN_BYTES: usize = 64 << 10;
/// How long before its end a token is renewed, in milliseconds.
pub const TOKEN_RENEWAL_MS: i64 = 5 * 60 * 1000;
/// How long a signed assertion is valid, in seconds.
pub const ASSERTION_SECONDS: i64 = 600;
/// How often a request is sent at most, the first time included.
pub const ATTEMPTS: u32 = 6;
/// How often a server that cannot be reached is tried at most, the first time included.
pub const UNREACHED_ATTEMPTS: u32 = 3;
/// The first wait where the server names none; each further one is twice as long.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest single wait. A server that asks for more is not waited for.
pub const ONE_WAIT: Duration = Duration::from_secs(180);
/// The longest sum of all waits for one request.
pub const ALL_WAITS: Duration = Duration::from_secs(600);
/// How much of a body is read before the answer counts as received, so that a connection that breaks in the middle
/// of an ordinary page is repeated as a whole, in bytes.
pub const BODY_AHEAD_BYTES: usize = 4 << 20;
/// The shortest secret that is looked for in answers, in bytes: shorter ones occur by chance.
pub const SECRET_BYTES: usize = 8;
/// The largest recording, in bytes.
pub const RECORDING_BYTES: u64 = 4 << 30;
/// The longest line of a recording, in bytes.
pub const RECORDING_LINE_BYTES: usize = 256 << 20;
/// The largest recording that a fixture is made of, in bytes: it is kept in memory.
pub const FIXTURE_BYTES: u64 = 256 << 20;
/// The longest body that is recorded, in bytes.
pub const RECORDED_BODY_BYTES: u64 = 128 << 20;
/// The largest PEM file of authorities, in bytes.
pub const CA_FILE_BYTES: u64 = 4 << 20;
/// The longest message of an LDAP server, in bytes: one entry with its pictures and values.
pub const LDAP_MESSAGE_BYTES: usize = 32 << 20;
/// The most attributes and values of an entry together: half a million members of a group.
pub const LDAP_MESSAGE_ELEMENTS: usize = 500_000;
/// What an attribute or a value counts at least against the bytes of a page, for what it takes in memory.
pub const LDAP_ELEMENT_BYTES: usize = 32;
/// The most entries that a page is asked for.
pub const LDAP_PAGE_SIZE: u32 = 5_000;
/// The most entries of a page of a server that does not keep to what it is asked for.
pub const LDAP_PAGE_ENTRIES: usize = 200_000;
/// How many pages in a row may be empty before a search counts as stuck.
pub const LDAP_EMPTY_PAGES: u32 = 1_000;
/// The longest LDAP filter, in bytes.
pub const LDAP_FILTER_BYTES: usize = 64 << 10;
/// How deep an LDAP filter may be nested.
pub const LDAP_FILTER_DEPTH: usize = 50;
