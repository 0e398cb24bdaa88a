//! A listing on its way.
//!
//! What arrives as it stands in the mirror is only noted, by its digest. Everything else is staged in a table of this
//! connection's own and moved over in one transaction when the listing ends well. Another reading may have moved records
//! meanwhile: where one is gone that was found as it stood, nothing is moved, and the listing has to be made again.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use rollcall_core::{Record, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Edit, RecordChange, Token};
use rollcall_edges::mirror::{Intake, RecordDigest};
use rollcall_sqlite::{Connection, params};

use super::digest::Digests;
use crate::sql::{self, Worked};

/// A listing that was begun and not ended.
pub(super) struct Listing {
    pub(super) directory: Text,
    scope: Vec<u8>,
    /// Whether it goes on from the records of the listing before.
    adds: bool,
    known: Option<Known>,
    pub(super) digests: Digests,
    /// Whether anything was staged.
    staged: bool,
    /// Whether somebody was staged as gone.
    gone: bool,
    /// Hashes of the ids of whoever was staged, where some records are only noted.
    who_is_staged: HashSet<u64>,
}

/// What the file has to be told of a change.
pub(super) enum Fresh {
    /// Somebody is new, or other than before.
    Record(Record, RecordDigest),
    /// Somebody is known in part.
    Part(Text, Vec<(Text, Edit)>),
    /// Somebody left.
    Gone(Text),
    /// Somebody stands as before, and what was staged of him is void.
    AsBefore(Text),
}

impl Fresh {
    fn native(&self) -> &Text {
        match self {
            Self::Record(record, _) => &record.id.native,
            Self::Part(native, _) | Self::Gone(native) | Self::AsBefore(native) => native,
        }
    }
}

fn hash(native: &Text) -> u64 {
    let mut hasher = DefaultHasher::new();
    native.hash(&mut hasher);
    hasher.finish()
}

/// The records that stood when a listing was begun.
struct Known {
    /// The mirror's stamp then.
    stamp: Option<Vec<u8>>,
    /// Whether what stands is relied on in another way too: somebody was named in part.
    in_part: bool,
    /// Each by its digest, and whether the listing has named it as it is.
    records: HashMap<RecordDigest, bool>,
    /// How many it has named so.
    named: usize,
}

impl Listing {
    pub(super) fn begin(
        mirror: &Connection,
        directory: Text,
        scope: Vec<u8>,
        intake: Intake,
    ) -> Worked<Self> {
        sql::run(mirror, "DELETE FROM staged", [])?;
        let known = match intake {
            Intake::Differences => Some(Known::look(mirror, &directory)?),
            Intake::Everything | Intake::Changes => None,
        };
        Ok(Self {
            directory,
            scope,
            adds: intake == Intake::Changes,
            known,
            digests: Digests::default(),
            staged: false,
            gone: false,
            who_is_staged: HashSet::new(),
        })
    }

    /// Notes whatever of a page stands in the mirror as it is, and gives what the file has to be told.
    pub(super) fn fresh(&mut self, changes: Vec<RecordChange>) -> Vec<Fresh> {
        changes.into_iter().filter_map(|change| self.look_at(change)).collect()
    }

    fn look_at(&mut self, change: RecordChange) -> Option<Fresh> {
        let fresh = match change {
            RecordChange::Whole(record) => {
                let digest = self.digests.of(&record);
                if self.stands(&digest) {
                    let staged = self.who_is_staged.contains(&hash(&record.id.native));
                    return staged.then_some(Fresh::AsBefore(record.id.native));
                }
                Fresh::Record(record, digest)
            }
            RecordChange::Part(native, edits) => Fresh::Part(native, edits),
            RecordChange::Gone(native) => {
                self.gone = true;
                Fresh::Gone(native)
            }
        };
        self.staged = true;
        if let Some(known) = &mut self.known {
            known.in_part |= matches!(fresh, Fresh::Part(..));
            self.who_is_staged.insert(hash(fresh.native()));
        }
        Some(fresh)
    }

    /// Notes a record that stands in the mirror as it is; false where it does not.
    fn stands(&mut self, digest: &RecordDigest) -> bool {
        let Some(known) = &mut self.known else { return false };
        let Some(named) = known.records.get_mut(digest) else { return false };
        known.named += usize::from(!std::mem::replace(named, true));
        true
    }

    /// Makes this listing the last one, in an open transaction; gives how many records there are now, and the stamp.
    /// `None`: it has to be made again.
    pub(super) fn move_over(
        &self,
        mirror: &Connection,
        end: Coverage,
        token: Option<Token>,
        now: Instant,
    ) -> Worked<Option<(i64, Text)>> {
        let untouched = match &self.known {
            Some(known) => known.stamp == stamp(mirror, &self.directory)?,
            None => true,
        };
        if !untouched && !self.still_stand(mirror)? || self.adds && !self.goes_on(mirror)? {
            return Ok(None);
        }
        let swept = match end {
            Coverage::Changes => self.take_gone(mirror)?,
            Coverage::Everything if untouched && self.names_all() => 0,
            Coverage::Everything => self.sweep(mirror)?,
        };
        let merged = if self.staged { self.merge(mirror)? } else { 0 };
        let users = match &self.known {
            Some(known) if untouched && swept + merged == 0 => {
                i64::try_from(known.records.len()).unwrap_or(i64::MAX)
            }
            _ => sql::value(mirror, "SELECT COUNT(*) FROM record WHERE directory = ?1", [&*self.directory])?,
        };
        let covered = (end == Coverage::Everything).then_some(now.0);
        let listing = "INSERT INTO listing (directory, scope, token, users, covered, stamp) \
                       VALUES (?1, ?2, ?3, ?4, COALESCE(?5, 0), randomblob(16)) ON CONFLICT (directory) DO UPDATE SET \
                       stamp = CASE WHEN ?6 OR scope <> excluded.scope THEN excluded.stamp ELSE stamp END, \
                       scope = excluded.scope, token = excluded.token, users = excluded.users, covered = COALESCE(?5, covered) \
                       RETURNING hex(stamp)";
        let changed = swept + merged > 0;
        let params = params![self.directory, self.scope, token, users, covered, changed];
        let version = sql::value(mirror, listing, params)?;
        if self.staged {
            sql::run(mirror, "DELETE FROM staged", [])?;
        }
        Ok(Some((users, version)))
    }

    /// Tells whether the records are still those of a listing with the same scope.
    fn goes_on(&self, mirror: &Connection) -> Worked<bool> {
        let select = "SELECT scope FROM listing WHERE directory = ?1";
        let scope: Option<Vec<u8>> = sql::first(mirror, select, [&*self.directory], |row| Ok(row.get(0)?))?;
        Ok(scope.is_some_and(|scope| scope == self.scope))
    }

    /// Tells whether every record that stood was named as it is, so that there is nothing to sweep.
    fn names_all(&self) -> bool {
        !self.gone && self.known.as_ref().is_some_and(|known| known.named == known.records.len())
    }

    /// Tells whether every record that was found as it stood is still there.
    fn still_stand(&self, mirror: &Connection) -> Worked<bool> {
        let Some(known) = &self.known else { return Ok(true) };
        if known.in_part {
            return Ok(false);
        }
        let mut found = 0;
        each_digest(mirror, &self.directory, |digest| found += usize::from(known.named_so(&digest)))?;
        Ok(found == known.named)
    }

    /// Deletes whoever was named as gone; gives how many.
    fn take_gone(&self, mirror: &Connection) -> Worked<usize> {
        if !self.gone {
            return Ok(0);
        }
        let delete = "DELETE FROM record WHERE directory = ?1 AND native IN (SELECT native FROM staged WHERE cells IS NULL)";
        sql::run(mirror, delete, [&*self.directory])
    }

    /// Deletes whoever was not named, or named as gone; gives how many.
    fn sweep(&self, mirror: &Connection) -> Worked<usize> {
        let select = "SELECT record.native, record.digest, staged.native IS NULL, staged.cells IS NOT NULL \
                      FROM record LEFT JOIN staged ON staged.native = record.native WHERE directory = ?1";
        let named_so = |digest| self.known.as_ref().is_some_and(|known| known.named_so(&digest));
        let left: Vec<Option<Text>> = sql::all(mirror, select, [&*self.directory], |row| {
            let stays = if row.get(2)? { named_so(row.get(1)?) } else { row.get(3)? };
            Ok(if stays { None } else { Some(row.get(0)?) })
        })?;
        let left: Vec<Text> = left.into_iter().flatten().collect();
        let delete = "DELETE FROM record WHERE directory = ?1 AND native = ?2";
        for native in &left {
            sql::run(mirror, delete, [&*self.directory, native])?;
        }
        Ok(left.len())
    }

    /// Writes whoever was staged, where that differs; gives how many.
    fn merge(&self, mirror: &Connection) -> Worked<usize> {
        let merge = "INSERT INTO record (directory, native, heading, digest, cells) \
                     SELECT ?1, native, heading, digest, cells FROM staged WHERE cells IS NOT NULL \
                     ON CONFLICT (directory, native) DO UPDATE SET \
                     heading = excluded.heading, digest = excluded.digest, cells = excluded.cells \
                     WHERE record.digest <> excluded.digest";
        sql::run(mirror, merge, [&*self.directory])
    }
}

impl Known {
    fn look(mirror: &Connection, directory: &str) -> Worked<Self> {
        // The stamp first: what another reading moves behind it is found out at the end.
        let stamp = stamp(mirror, directory)?;
        let mut records = HashMap::new();
        each_digest(mirror, directory, |digest| {
            records.insert(digest, false);
        })?;
        Ok(Self { stamp, in_part: false, records, named: 0 })
    }

    /// Tells whether the listing has named a record as it is.
    fn named_so(&self, digest: &RecordDigest) -> bool {
        self.records.get(digest).is_some_and(|named| *named)
    }
}

fn each_digest(mirror: &Connection, directory: &str, mut see: impl FnMut(RecordDigest)) -> Worked<()> {
    let select = "SELECT digest FROM record WHERE directory = ?1";
    sql::all(mirror, select, [directory], |row| {
        see(row.get(0)?);
        Ok(())
    })
    .map(drop::<Vec<()>>)
}

/// Gives what is another one after every listing that changed a record of a directory.
fn stamp(mirror: &Connection, directory: &str) -> Worked<Option<Vec<u8>>> {
    sql::first(mirror, "SELECT stamp FROM listing WHERE directory = ?1", [directory], |row| Ok(row.get(0)?))
}

/// Stages somebody: heading, digest and cells of the record unless the person is gone.
pub(super) fn stage(
    mirror: &Connection,
    native: &str,
    held: Option<(i64, RecordDigest, String)>,
) -> Worked<()> {
    let insert = "INSERT INTO staged (native, heading, digest, cells) VALUES (?1, ?2, ?3, ?4) \
                  ON CONFLICT (native) DO UPDATE SET \
                  heading = excluded.heading, digest = excluded.digest, cells = excluded.cells";
    let (heading, digest, cells) = match held {
        Some((heading, digest, cells)) => (Some(heading), Some(digest), Some(cells)),
        None => (None, None, None),
    };
    sql::run(mirror, insert, params![native, heading, digest, cells]).map(drop)
}

/// Takes back whatever was staged of somebody.
pub(super) fn unstage(mirror: &Connection, native: &str) -> Worked<()> {
    sql::run(mirror, "DELETE FROM staged WHERE native = ?1", [native]).map(drop)
}
