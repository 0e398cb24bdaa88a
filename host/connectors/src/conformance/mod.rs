//! What must hold for every connector, whichever its directory: tried through the way that runs take, against a real
//! directory, a simulator or a recording.
//!
//! A connector is read again and again: twice as a run does, with small pages, left in the middle, from where it ended;
//! and with something going wrong at a request, which the host makes up on the way (see [`Fault`]). A reading with a
//! fault may end well only where it has everything all the same.

mod reading;
mod wrong;

use std::collections::BTreeSet;

use rollcall_core::text::count;
use rollcall_core::{Cell, Secret, Text};
use rollcall_edges::directory::{
    AttributeInfo, Attributes, Coverage, Directory as _, DirectoryError, Finding, FindingState,
};
use rollcall_net::{Fault, Faults};

use crate::Connector;
use crate::conformance::reading::{Read, Records, differ, told};
use crate::conformance::wrong::Wrong;
use crate::package::Package;
use crate::recording::Recording;
use crate::sandbox::{ConnectSpec, Host, Trial};

/// How many users are asked for at a time where pages are small.
const SMALL_PAGES: [u32; 2] = [1, 7];

/// How long a server asks to wait, in seconds, where it asks at all.
const LATER_SECONDS: u64 = 7;

/// How many pages a reading may have.
const PAGES: u64 = 100_000_000;
/// How many times as many pages a reading may have in which something goes wrong, and a thousand more: an answer that comes
/// again and names its next page would otherwise be read for ever.
const PAGES_WRONG: u64 = 10;

/// How often a fault strikes that does not go away.
const FOR_GOOD: usize = usize::MAX;

/// What no directory answers.
const FOREIGN: [&str; 3] = ["<html><body>Please sign in</body></html>", "{\"unexpected\": true}", ""];

/// Hears each finding as it is made.
pub type Told<'a> = &'a (dyn Fn(&Finding) + Send + Sync);

/// Tries a connector with a job's settings, and gives what was found, in order. Where the directory cannot be read at all,
/// nothing else is tried. The recording of `spec` may be replayed; one is not made. `own`: the attributes of the job itself,
/// where `spec` selects more; with other ones a connector may know no position to go on from.
pub async fn conformance(
    host: &Host,
    package: &Package,
    spec: &ConnectSpec,
    own: &[Text],
    told: Told<'_>,
) -> Vec<Finding> {
    let mut suite = Suite { host, package, spec, own, told, findings: Vec::new(), pages: PAGES };
    if let Some(first) = suite.first().await {
        suite.described(&first.records).await;
        suite.again(&first.records).await;
        suite.abandoned(&first.records).await;
        suite.resumed().await;
        suite.secrets(&first.records);
        suite.disturbed(&first).await;
    }
    suite.findings
}

/// The suite on its way.
struct Suite<'a> {
    host: &'a Host,
    package: &'a Package,
    spec: &'a ConnectSpec,
    own: &'a [Text],
    told: Told<'a>,
    findings: Vec<Finding>,
    /// How many pages a reading may have.
    pages: u64,
}

/// That something holds, in one clause, or why not.
type Held = Result<String, Wrong>;

impl Suite<'_> {
    fn note(&mut self, subject: &str, state: FindingState, said: impl Into<Wrong>) {
        let Wrong { message, hint } = said.into();
        let finding = Finding { subject: subject.to_owned(), state, message, hint };
        (self.told)(&finding);
        self.findings.push(finding);
    }

    fn verdict(&mut self, subject: &str, held: Held) {
        match held {
            Ok(message) => self.note(subject, FindingState::Passed, message),
            Err(wrong) => self.note(subject, FindingState::Failed, wrong),
        }
    }

    async fn connect(&self, trial: Trial) -> Result<Connector, DirectoryError> {
        self.connect_with(self.spec.clone(), trial).await
    }

    async fn connect_with(&self, spec: ConnectSpec, trial: Trial) -> Result<Connector, DirectoryError> {
        let mut spec = ConnectSpec { trial: Some(trial), progress: None, ..spec };
        // Small pages of a large directory are many.
        spec.limits.insert("pages".into(), self.pages);
        self.host.connect(self.package, &spec).await
    }

    async fn read(&self, trial: Trial) -> Result<Read, DirectoryError> {
        let mut connector = self.connect(trial).await?;
        reading::whole(&mut connector, None, Records::new()).await
    }

    fn replays(&self) -> bool {
        matches!(self.spec.recording, Recording::Replay(_))
    }

    /// Reads the directory as a run does.
    async fn first(&mut self) -> Option<First> {
        let counted = Faults::none();
        let trial = Trial { faults: counted.clone(), page_users: None };
        let read = async {
            let mut connector = self.connect(trial).await?;
            let read = reading::whole(&mut connector, None, Records::new()).await?;
            Ok::<_, DirectoryError>((read, connector.usage()))
        };
        match read.await {
            Ok((read, usage)) => {
                let Read { records, pages, end, .. } = read;
                let requests = counted.requests();
                let peak = usage.memory_peak_bytes.div_ceil(1 << 20);
                let message = format!(
                    "{} on {}, {}, {peak} MiB of memory, {} ms of processor time",
                    count(records.len(), "user"),
                    count(pages, "page"),
                    count(requests, "request"),
                    usage.cpu_ms
                );
                let whole = end == Coverage::Everything;
                let wrong = "a reading from the beginning ended with `changes`".into();
                self.verdict("a reading ends well", if whole { Ok(message) } else { Err(wrong) });
                whole.then_some(First { records, pages, requests })
            }
            Err(error) => {
                self.verdict("a reading ends well", Err(error.into()));
                None
            }
        }
    }

    /// What the connector says of its directory, and whether the records are so.
    async fn described(&mut self, records: &Records) {
        let said = async {
            let mut connector = self.connect(Trial::default()).await?;
            let identities = (connector.identity().await?, connector.identity().await?);
            Ok::<_, DirectoryError>((identities, connector.check().await?, connector.attributes().await?))
        };
        let ((one, two), connection, attributes) = match said.await {
            Ok(said) => said,
            // Not everything that a connector may be asked is in a recording of its reading.
            Err(error) if self.replays() => {
                let wrong = Wrong::from(error).at("the recording has no answers for it");
                return self.note("the directory is described", FindingState::Warned, wrong);
            }
            Err(error) => return self.verdict("the directory is described", Err(error.into())),
        };
        let same = match one == two {
            true if one.is_empty() => Ok("it has none".to_owned()),
            true => Ok(format!("`{one}`")),
            false => Err(format!("it was `{one}`, then `{two}`").into()),
        };
        self.verdict("the identity stays", same);
        let failed = connection.findings.iter().find(|finding| finding.state == FindingState::Failed);
        let users = connection.users.filter(|users| *users as usize != records.len());
        self.verdict(
            "the connection is checked",
            match (failed, users) {
                (Some(failed), _) => {
                    let wrong = Wrong { message: failed.message.clone(), hint: failed.hint.clone() };
                    Err(wrong.at(&failed.subject))
                }
                (None, Some(users)) => {
                    Err(format!("{users} users are counted, and {} are read", records.len()).into())
                }
                (None, None) => Ok(count(connection.findings.len(), "finding")),
            },
        );
        self.verdict("every attribute is described", fits(&attributes, records));
    }

    /// Another reading, and such with small pages, give the same.
    async fn again(&mut self, records: &Records) {
        let sizes = std::iter::once(None).chain(SMALL_PAGES.map(Some));
        for page_users in sizes {
            let subject = match page_users {
                None => "a second reading is equal".to_owned(),
                Some(users) => format!("pages of {users} change nothing"),
            };
            let held = match self.read(Trial { page_users, ..Trial::default() }).await {
                Ok(read) => same(records, &read.records),
                Err(error) => Err(error.into()),
            };
            match held {
                Err(why) if page_users.is_some() && self.has_changed(records).await => {
                    let wrong = why.at("the directory has changed meanwhile");
                    self.note(&subject, FindingState::Warned, wrong);
                }
                held => self.verdict(&subject, held),
            }
        }
    }

    /// Tells whether the directory, read as at first, is otherwise than at first.
    async fn has_changed(&self, records: &Records) -> bool {
        self.read(Trial::default()).await.is_ok_and(|read| same(records, &read.records).is_err())
    }

    /// A reading that nobody goes on with leaves nothing behind.
    async fn abandoned(&mut self, records: &Records) {
        let left = async {
            let small = Trial { page_users: Some(1), ..Trial::default() };
            let mut connector = self.connect(small).await?;
            let mut listing = connector.open(None).await?;
            listing.next().await?;
            drop(listing);
            self.read(Trial::default()).await
        };
        let held = match left.await {
            Ok(read) => same(records, &read.records),
            Err(error) => Err(error.into()),
        };
        self.verdict("a reading may be left in the middle", held);
    }

    /// A reading goes on from where one has ended; what is no position of its own is refused.
    async fn resumed(&mut self) {
        let subject = "a reading goes on where one ended";
        match self.going_on().await {
            _ if self.replays() => {
                self.note(subject, FindingState::Warned, "a recording is read from its beginning alone");
            }
            Ok(held) => self.verdict(subject, held),
            Err(error) => self.verdict(subject, Err(error.into())),
        }
        let subject = "a foreign position is refused";
        let read = async {
            let mut connector = self.connect(Trial::default()).await?;
            reading::whole(&mut connector, Some(b"no position of yours".to_vec()), Records::new()).await
        };
        let held = match read.await {
            Err(DirectoryError::TokenExpired) => Ok("`token-expired`, so that everything is read".to_owned()),
            Err(other) => Err(Wrong::from(other).at("`token-expired` was expected")),
            Ok(_) => Err("it read on as if it were its own".into()),
        };
        self.verdict(subject, held);
    }

    /// Reads what the job reads, and then what has changed since.
    async fn going_on(&self) -> Result<Held, DirectoryError> {
        let faults = Faults::none();
        let own = ConnectSpec { select: self.own.to_vec(), ..self.spec.clone() };
        let trial = Trial { faults: faults.clone(), page_users: None };
        let mut connector = self.connect_with(own, trial).await?;
        let first = reading::whole(&mut connector, None, Records::new()).await?;
        let Some(token) = first.token else {
            return Ok(Ok("it gives no position: everything is read each time".to_owned()));
        };
        let (bytes, before) = (token.len(), faults.requests());
        let read = reading::whole(&mut connector, Some(token), first.records.clone()).await?;
        let requests = faults.requests() - before;
        Ok(same(&first.records, &read.records)
            .map(|_| format!("a position of {}, {}", count(bytes, "byte"), count(requests, "request"))))
    }

    /// Nothing that was handed over holds a credential of the job.
    fn secrets(&mut self, records: &Records) {
        let secrets: Vec<(&Text, &Secret)> = self
            .spec
            .credentials
            .iter()
            .filter_map(|(name, secret)| Some((name, secret.as_ref()?)))
            .collect();
        let holds = |text: &str| secrets.iter().find(|(_, secret)| text.contains(secret.expose().trim()));
        let texts = records.iter().flat_map(|(id, cells)| {
            std::iter::once(&**id).chain(cells.values().flat_map(|cell| {
                match cell {
                    Cell::Text(text) => std::slice::from_ref(text),
                    Cell::Texts(texts) => texts,
                    _ => &[],
                }
                .iter()
                .map(|text| &**text)
            }))
        });
        let held = match texts.filter_map(holds).next() {
            Some((name, _)) => Err(format!("a user holds the credential `{name}`").into()),
            None => Ok(format!("none of {} in {}", secrets.len(), count(records.len(), "user"))),
        };
        self.verdict("no credential comes back", held);
    }

    /// Whatever goes wrong with a request, a reading does not end well with other records.
    async fn disturbed(&mut self, first: &First) {
        if first.requests == 0 {
            let message = "the directory is read without a request, so that none can go wrong".to_owned();
            return self.note("bad answers are no records", FindingState::Passed, message);
        }
        self.pages = PAGES_WRONG * u64::try_from(first.pages).unwrap_or(u64::MAX / PAGES) + 1_000;
        let last = first.requests - 1;
        let mut places = vec![0, last / 2, last];
        places.dedup();
        // A search has neither statuses nor bodies; that its answer does not come is all that can go wrong with it.
        let over_http = self.package.imports("http");
        let rules = [
            ("later is obeyed", vec![Fault::Later(LATER_SECONDS)], 1, Expected::Everything),
            (
                "a server that stays busy is transient",
                vec![Fault::Status(503)],
                FOR_GOOD,
                Expected::Transient,
            ),
            ("a lost connection is transient", vec![Fault::Lost], FOR_GOOD, Expected::Transient),
            ("status 401 is a refusal", vec![Fault::Status(401)], FOR_GOOD, Expected::Denied),
            ("status 403 is a refusal", vec![Fault::Status(403)], FOR_GOOD, Expected::Denied),
            ("status 404 is no end", vec![Fault::Status(404)], FOR_GOOD, Expected::NoOther),
            ("status 410 is no end", vec![Fault::Status(410)], FOR_GOOD, Expected::NoOther),
            ("status 500 is no end", vec![Fault::Status(500)], FOR_GOOD, Expected::NoOther),
            ("an answer that breaks off is no end", vec![Fault::Half], FOR_GOOD, Expected::NoOther),
            ("an answer that comes again is no end", vec![Fault::Again], FOR_GOOD, Expected::NoOther),
            ("what is no answer is no end", FOREIGN.map(Fault::Instead).into(), FOR_GOOD, Expected::NoOther),
        ];
        for (subject, faults, times, expected) in rules {
            if over_http || faults == [Fault::Lost] {
                let held = self.struck(first, &places, &faults, times, expected).await;
                self.verdict(subject, held);
            }
        }
    }

    /// Lets each of some faults strike at each of some requests.
    async fn struck(
        &self,
        first: &First,
        places: &[usize],
        faults: &[Fault],
        times: usize,
        expected: Expected,
    ) -> Held {
        let mut struck = BTreeSet::new();
        for fault in faults {
            for &place in places {
                let faults = Faults::new(fault.clone(), place, times);
                let read = self.read(Trial { faults: faults.clone(), page_users: None }).await;
                if faults.struck() == 0 {
                    continue;
                }
                struck.insert(place);
                let at = format!("request {} of {}", place + 1, first.requests);
                expected.met(read, &first.records, &faults).map_err(|why| why.at(&at))?;
            }
        }
        Ok(format!("tried at {} of {}", struck.len(), count(first.requests, "request")))
    }
}

/// The first reading of a trial.
struct First {
    records: Records,
    pages: usize,
    requests: usize,
}

/// What a fault must lead to.
#[derive(Clone, Copy)]
enum Expected {
    /// Everything is read all the same, after the wait.
    Everything,
    /// It may succeed later.
    Transient,
    /// Somebody must mend a permission.
    Denied,
    /// Any error, or everything all the same.
    NoOther,
}

impl Expected {
    fn met(
        self,
        read: Result<Read, DirectoryError>,
        records: &Records,
        faults: &Faults,
    ) -> Result<(), Wrong> {
        let waited = faults.waited().as_secs();
        match (self, read) {
            (Expected::Everything, Ok(read)) => {
                same(records, &read.records)?;
                match waited >= LATER_SECONDS {
                    true => Ok(()),
                    false => Err(format!("it came again after {waited} s instead of {LATER_SECONDS}").into()),
                }
            }
            (Expected::Everything, Err(error)) => Err(error.into()),
            (Expected::Transient, Err(DirectoryError::Transient { .. }))
            | (Expected::Denied, Err(DirectoryError::Denied { .. }))
            | (Expected::NoOther, Err(_)) => Ok(()),
            (Expected::Transient, Err(error)) => Err(Wrong::from(error).at("`transient` was expected")),
            (Expected::Denied, Err(error)) => Err(Wrong::from(error).at("`denied` was expected")),
            (_, Ok(read)) => same(records, &read.records)
                .map(|_| ())
                .map_err(|why| why.at("the reading ended well without being whole")),
        }
    }
}

/// Says that two readings gave the same, or how they differ.
fn same(one: &Records, other: &Records) -> Held {
    differ(one, other).map_or(Ok(count(one.len(), "user")), |why| Err(why.into()))
}

/// Holds the records against what was said of their attributes.
fn fits(attributes: &Attributes, records: &Records) -> Held {
    let info = |name: &Text| attributes.known.iter().find(|info| info.name == *name);
    for (id, cells) in records {
        for (name, cell) in cells {
            match info(name) {
                None if attributes.open => {}
                None => return Err(format!("`{name}` of `{id}` is not among the attributes").into()),
                Some(info) if !is_of(cell, info) => {
                    let kind = &info.kind;
                    let many = if info.many { ", several" } else { "" };
                    return Err(
                        format!("`{name}` of `{id}` is no {kind}{many}: it is {}", told(Some(cell))).into()
                    );
                }
                Some(_) => {}
            }
        }
    }
    Ok(count(attributes.known.len(), "attribute"))
}

fn is_of(cell: &Cell, info: &AttributeInfo) -> bool {
    match (cell, &*info.kind) {
        (Cell::None, _) | (Cell::Text(_), "text") | (Cell::Integer(_), "integer") => true,
        (Cell::Boolean(_), "boolean") | (Cell::Bytes(_), "bytes") => true,
        (Cell::Texts(_), _) => info.many,
        _ => false,
    }
}
