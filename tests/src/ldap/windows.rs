//! A directory that keeps to what Windows does and Samba does not (MS-ADTS 3.1.1.3.4.1.3 and 3.1.1.3.1.3.3): no page has
//! more than `MaxPageSize` entries whatever is asked for, a search without pages ends with "size limit exceeded", and a
//! long attribute comes in ranges of `MaxValRange` values. It counts its changes, and lets a test play another controller
//! or an older database. It speaks plain LDAP on loopback, to whoever asks, and looks at nothing of a filter but at
//! `uSNChanged>=…`: every entry is an account.

use std::io::{self, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// The most entries of a page.
pub const MAX_PAGE_SIZE: usize = 1_000;
/// The most values of an attribute.
pub const MAX_VALUE_RANGE: usize = 1_500;
/// Where the accounts are.
pub const BASE: &str = "DC=ad,DC=example,DC=test";

const PAGED: &str = "1.2.840.113556.1.4.319";

/// An account: its name and the groups that it is a member of.
#[derive(Clone, Debug)]
pub struct Account {
    /// The common name.
    pub name: String,
    /// The DNs of groups.
    pub member_of: Vec<String>,
    /// The number of its last change.
    pub changed: u64,
}

/// What a directory holds.
#[derive(Debug)]
pub struct Held {
    /// The accounts.
    pub accounts: Vec<Account>,
    /// The name of the controller that answers.
    pub controller: String,
    /// The number of its last change.
    pub last: u64,
    /// Whether every answer ends with "size limit exceeded" after its first page.
    pub cut: bool,
}

/// A running directory.
#[derive(Debug)]
pub struct Windows {
    /// Its port.
    pub port: u16,
    /// How many searches it was asked for.
    pub searches: Arc<AtomicUsize>,
    held: Arc<Mutex<Held>>,
}

impl Windows {
    /// Starts one with these accounts.
    pub fn start(accounts: Vec<Account>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let searches = Arc::new(AtomicUsize::new(0));
        let last = accounts.iter().map(|one| one.changed).max().unwrap_or(0);
        let held = Held { accounts, controller: "CN=NTDS Settings,CN=DC1".to_owned(), last, cut: false };
        let held = Arc::new(Mutex::new(held));
        let (shared, counted) = (held.clone(), searches.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (held, counted) = (shared.clone(), counted.clone());
                // A client that hangs up ends its thread; that is no matter of the test's.
                std::thread::spawn(move || serve(client, &held, &counted));
            }
        });
        Self { port, searches, held }
    }

    /// Gives what it holds, to be changed.
    pub fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap()
    }
}

fn serve(mut client: TcpStream, held: &Mutex<Held>, searches: &AtomicUsize) -> io::Result<()> {
    loop {
        let message = read_element(&mut client)?.1;
        let mut parts = elements(&message);
        let id = parts.remove(0);
        let (tag, request) = parts.remove(0);
        if tag != 0x63 {
            return Ok(());
        }
        searches.fetch_add(1, Ordering::SeqCst);
        let control = parts.first().map(|(_, controls)| elements(controls).remove(0).1);
        let said = answers(&elements(&request), control.as_deref(), &held.lock().unwrap());
        for answer in said {
            client.write_all(&element(0x30, &[element(id.0, &id.1), answer].concat()))?;
        }
    }
}

/// Finds the number behind `uSNChanged>=` in a filter.
fn changed_from(filter: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"uSNChanged";
    let at = filter.windows(NAME.len()).position(|window| window == NAME)?;
    let (_, value) = read_element(&mut &filter[at + NAME.len()..]).unwrap();
    text(&value).parse().ok()
}

/// Gives the answers to a search, without the number of the message.
fn answers(request: &[(u8, Vec<u8>)], control: Option<&[u8]>, held: &Held) -> Vec<Vec<u8>> {
    let accounts = &held.accounts;
    let (base, subtree) = (text(&request[0].1), request[1].1 == [2]);
    let wanted: Vec<String> = elements(&request[7].1).iter().map(|(_, name)| text(name)).collect();
    if !subtree {
        let found = match base.as_str() {
            "" => Some(root(held)),
            base if base == held.controller => Some(entry(base, &[])),
            BASE => Some(entry(BASE, &[])),
            _ => accounts
                .iter()
                .enumerate()
                .find(|(_, one)| dn(one) == base)
                .map(|(at, one)| account(at, one, &wanted)),
        };
        let code = if found.is_some() { 0 } else { 32 };
        return found.into_iter().chain([done(code, None)]).collect();
    }
    let from = changed_from(&request[6].1).unwrap_or(0);
    let accounts: Vec<_> = accounts.iter().enumerate().filter(|(_, one)| one.changed >= from).collect();
    let Some(control) = control else {
        let first = accounts.iter().take(MAX_PAGE_SIZE).map(|(at, one)| account(*at, one, &wanted));
        return first.chain([done(if accounts.len() > MAX_PAGE_SIZE { 4 } else { 0 }, None)]).collect();
    };
    // Its name, whether it is critical, size and cookie; the cookie is where the next page begins.
    let value = elements(&elements(control)[2].1).remove(0).1;
    let value = elements(&value);
    let asked = value[0].1.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
    let begin: usize = text(&value[1].1).parse().unwrap_or(0);
    let end = accounts.len().min(begin + asked.min(MAX_PAGE_SIZE));
    if held.cut && begin > 0 {
        return vec![done(4, None)];
    }
    let page = accounts[begin..end].iter().map(|(at, one)| account(*at, one, &wanted));
    let cookie = if end == accounts.len() { String::new() } else { end.to_string() };
    page.chain([done(0, Some(&cookie))]).collect()
}

fn dn(account: &Account) -> String {
    format!("CN={},{BASE}", account.name)
}

fn root(held: &Held) -> Vec<u8> {
    entry(
        "",
        &[
            ("defaultNamingContext", vec![BASE.into()]),
            ("namingContexts", vec![BASE.into()]),
            ("supportedCapabilities", vec!["1.2.840.113556.1.4.800".into()]),
            ("dsServiceName", vec![held.controller.clone().into()]),
            ("highestCommittedUSN", vec![held.last.to_string().into()]),
        ],
    )
}

fn account(at: usize, account: &Account, wanted: &[String]) -> Vec<u8> {
    let mut guid = vec![0; 8];
    guid.extend_from_slice(&(at as u64).to_be_bytes());
    let mut attributes: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("objectGUID", vec![guid]),
        ("cn", vec![account.name.clone().into()]),
        ("displayName", vec![account.name.clone().into()]),
        ("userAccountControl", vec![b"512".to_vec()]),
        ("uSNChanged", vec![account.changed.to_string().into_bytes()]),
    ];
    let asked = wanted.iter().find(|name| name.to_ascii_lowercase().starts_with("memberof"));
    let (mut ranged, mut values) = (String::new(), Vec::new());
    if let Some(asked) = asked {
        let from = asked
            .split_once("range=")
            .and_then(|(_, range)| range.split_once('-'))
            .map_or("0", |(from, _)| from);
        let from: usize = from.parse().unwrap();
        let end = account.member_of.len().min(from + MAX_VALUE_RANGE);
        values = account.member_of[from..end].iter().map(|group| group.clone().into_bytes()).collect();
        let last = if end == account.member_of.len() { "*".to_owned() } else { (end - 1).to_string() };
        ranged = format!("memberOf;range={from}-{last}");
    }
    if account.member_of.len() > MAX_VALUE_RANGE {
        attributes.push(("memberOf", Vec::new()));
        attributes.push((&ranged, values));
    } else {
        attributes.push(("memberOf", values));
    }
    entry(&dn(account), &attributes)
}

fn entry(dn: &str, attributes: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    let list: Vec<u8> = attributes
        .iter()
        .flat_map(|(name, values)| {
            let set: Vec<u8> = values.iter().flat_map(|value| element(4, value)).collect();
            element(0x30, &[element(4, name.as_bytes()), element(0x31, &set)].concat())
        })
        .collect();
    element(0x64, &[element(4, dn.as_bytes()), element(0x30, &list)].concat())
}

fn done(code: u8, cookie: Option<&str>) -> Vec<u8> {
    let end = element(0x65, &[element(10, &[code]), element(4, b""), element(4, b"")].concat());
    let control = cookie.map(|cookie| {
        let value = element(0x30, &[element(2, &[0]), element(4, cookie.as_bytes())].concat());
        element(0xa0, &element(0x30, &[element(4, PAGED.as_bytes()), element(4, &value)].concat()))
    });
    [end, control.unwrap_or_default()].concat()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Writes an element, its length always in four bytes, which is allowed and rare.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[tag, 0x84], &length[..], content].concat()
}

/// Reads an element: its tag and content.
fn read_element(from: &mut impl io::Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    from.read_exact(&mut head)?;
    let mut length = usize::from(head[1]);
    if length > 0x7f {
        let mut digits = vec![0; length & 0x7f];
        from.read_exact(&mut digits)?;
        length = digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit));
    }
    let mut content = vec![0; length];
    from.read_exact(&mut content)?;
    Ok((head[0], content))
}

fn elements(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.push(read_element(&mut bytes).unwrap());
    }
    all
}
