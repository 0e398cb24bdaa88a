//! The mirror: the directory's last known records of one job. It is a cache in a file of its own.
//!
//! A listing is staged page by page and moved over in one transaction when it ends well, together with its token.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::{Cell, Record, RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Edit, Page, RecordChange, Token};
use rollcall_edges::mirror::{LastListing, Marks, Mirror, RecordDigest};
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, Database, Row, params};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::schema;
use crate::seal::damaged;
use crate::shapes::{json, parse};
use crate::sql::{self, Worked};

/// A cell as it stands in the file: the shortest JSON that tells its kind.
struct Stored(Cell);

impl Serialize for Stored {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Cell::None => serializer.serialize_unit(),
            Cell::Text(text) => serializer.serialize_str(text),
            Cell::Integer(number) => serializer.serialize_i64(*number),
            Cell::Boolean(yes) => serializer.serialize_bool(*yes),
            Cell::Texts(texts) => serializer.collect_seq(texts.iter()),
            Cell::Bytes(bytes) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry(BYTES, &**bytes)?;
                map.end()
            }
        }
    }
}

/// The key under which bytes stand, so that they are told from texts.
const BYTES: &str = "b";

// An enum that serde tells apart by trying would make an error for every kind that a cell is not.
impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor).map(Stored)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a cell")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::None)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Cell, E> {
        Ok(Cell::Boolean(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Cell, E> {
        i64::try_from(number).map(Cell::Integer).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Cell, A::Error> {
        let mut texts: Vec<Text> = Vec::new();
        while let Some(text) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Cell::Texts(texts.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        match map.next_entry::<Text, Vec<u8>>()? {
            Some((key, bytes)) if &*key == BYTES => Ok(Cell::Bytes(bytes.into())),
            _ => Err(de::Error::custom("a cell of no known kind")),
        }
    }
}

/// The lists of columns that records have, each by its number in the file.
type Headings = BTreeMap<i64, Arc<[Text]>>;

/// A mirror's file.
pub struct MirrorFile {
    database: Database,
    /// The listing that is being staged: directory and scope.
    listing: Option<(Text, Vec<u8>)>,
    headings: Headings,
}

impl MirrorFile {
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        let database = schema::open(path, schema::MIRROR, None)?;
        let mirror = Self { database, listing: None, headings: Headings::new() };
        mirror.read(|mirror| Ok(mirror.execute_batch(schema::STAGED)?))?;
        Ok(mirror)
    }

    fn read<T>(&self, work: impl FnOnce(&Connection) -> Worked<T>) -> Result<T, StateError> {
        self.database.with(work).map_err(|failed| schema::told(self.database.path(), failed))
    }

    /// Reads records of a directory; the work is given what makes one of a row of native, heading and cells.
    fn reading<T>(
        &mut self,
        directory: &str,
        work: impl FnOnce(&Connection, &mut dyn FnMut(&Row<'_>) -> Worked<Record>) -> Worked<T>,
    ) -> Result<T, StateError> {
        let name = Text::from(directory);
        let mut headings = std::mem::take(&mut self.headings);
        let worked = self.read(|mirror| {
            work(mirror, &mut |row| {
                Ok(Record {
                    id: RecordId { directory: name.clone(), native: row.get(0)? },
                    columns: columns(mirror, &mut headings, row.get(1)?)?,
                    cells: cells_back(row.get_ref(2)?.as_str()?)?,
                })
            })
        });
        self.headings = headings;
        worked
    }

    fn directory(&self) -> Result<Text, StateError> {
        self.listing
            .as_ref()
            .map(|(name, _)| name.clone())
            .ok_or_else(|| damaged("a page came before its listing"))
    }
}

/// Gives the number of a list of columns.
fn heading(mirror: &Connection, headings: &mut Headings, columns: &Arc<[Text]>) -> Worked<i64> {
    if let Some((id, _)) = headings.iter().find(|(_, known)| *known == columns) {
        return Ok(*id);
    }
    let insert = "INSERT INTO heading (columns) VALUES (?1) ON CONFLICT (columns) DO UPDATE SET columns = excluded.columns RETURNING id";
    let id = sql::value(mirror, insert, [json(&columns.to_vec())?])?;
    headings.insert(id, columns.clone());
    Ok(id)
}

/// Gives the list of columns of a number.
fn columns(mirror: &Connection, headings: &mut Headings, id: i64) -> Worked<Arc<[Text]>> {
    if let Some(columns) = headings.get(&id) {
        return Ok(columns.clone());
    }
    let text: String = sql::value(mirror, "SELECT columns FROM heading WHERE id = ?1", [id])?;
    let columns: Arc<[Text]> = parse::<Vec<Text>>(&text)?.into();
    headings.insert(id, columns.clone());
    Ok(columns)
}

/// Gives a record as this listing has it so far, else as the last one had it.
fn present(
    mirror: &Connection,
    headings: &mut Headings,
    directory: &Text,
    native: &str,
) -> Worked<Option<Record>> {
    let select = "SELECT heading, cells, 1 FROM staged WHERE native = ?1 UNION ALL \
                  SELECT heading, cells, 0 FROM record WHERE directory = ?2 AND native = ?1 LIMIT 1";
    let found = sql::first(mirror, select, [native, &**directory], |row| {
        Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    let Some((Some(heading), Some(cells))) = found else { return Ok(None) };
    let id = RecordId { directory: directory.clone(), native: native.into() };
    Ok(Some(Record { id, columns: columns(mirror, headings, heading)?, cells: cells_back(&cells)? }))
}

/// Applies edits to a known record; an unknown one is ignored, for its attributes are not all known.
fn patched(
    mirror: &Connection,
    headings: &mut Headings,
    directory: &Text,
    native: &str,
    edits: &[(Text, Edit)],
) -> Worked<Option<Record>> {
    let Some(record) = present(mirror, headings, directory, native)? else { return Ok(None) };
    let mut columns = record.columns.to_vec();
    let mut cells = record.cells.into_vec();
    for (name, edit) in edits {
        let index = columns.iter().position(|column| column == name).unwrap_or_else(|| {
            columns.push(name.clone());
            cells.push(Cell::None);
            cells.len() - 1
        });
        cells[index] = edit.apply(&cells[index]);
    }
    Ok(Some(Record { id: record.id, columns: columns.into(), cells: cells.into() }))
}

/// Writes a row of the staging table: id, and heading and cells unless the user is gone.
fn stage(mirror: &Connection, native: &str, held: Option<(i64, String)>) -> Worked<()> {
    let insert = "INSERT INTO staged (native, heading, cells) VALUES (?1, ?2, ?3) \
                  ON CONFLICT (native) DO UPDATE SET heading = excluded.heading, cells = excluded.cells";
    let (heading, cells) = held.unzip();
    sql::run(mirror, insert, params![native, heading, cells]).map(drop)
}

fn cells_of(cells: Box<[Cell]>) -> Result<String, StateError> {
    json(&cells.into_iter().map(Stored).collect::<Vec<_>>())
}

fn cells_back(text: &str) -> Result<Box<[Cell]>, StateError> {
    Ok(parse::<Vec<Stored>>(text)?.into_iter().map(|Stored(cell)| cell).collect())
}

#[async_trait]
impl Mirror for MirrorFile {
    async fn last(&mut self, directory: &str, scope: &[u8]) -> Result<Option<LastListing>, StateError> {
        let select = "SELECT token, covered FROM listing WHERE directory = ?1 AND scope = ?2";
        self.read(|mirror| {
            sql::first(mirror, select, params![directory, scope], |row| {
                Ok(LastListing { token: row.get(0)?, full: Instant(row.get(1)?) })
            })
        })
    }

    async fn begin(&mut self, directory: &str, scope: &[u8]) -> Result<(), StateError> {
        self.read(|mirror| sql::run(mirror, "DELETE FROM staged", []))?;
        self.listing = Some((directory.into(), scope.to_vec()));
        Ok(())
    }

    async fn merge(&mut self, page: Page) -> Result<(), StateError> {
        let directory = self.directory()?;
        let headings = &mut self.headings;
        // One transaction a page: the staging table is this connection's own and is written to no disk before it is full.
        let merged = self.database.write(|mirror| {
            for change in page.changes {
                let record = match change {
                    RecordChange::Whole(record) => record,
                    RecordChange::Gone(native) => {
                        stage(mirror, &native, None)?;
                        continue;
                    }
                    RecordChange::Part(native, edits) => {
                        match patched(mirror, headings, &directory, &native, &edits)? {
                            Some(record) => record,
                            None => continue,
                        }
                    }
                };
                let heading = heading(mirror, headings, &record.columns)?;
                stage(mirror, &record.id.native, Some((heading, cells_of(record.cells)?)))?;
            }
            Ok(())
        });
        merged.map_err(|failed| {
            // Headings that were numbered in vain are not in the file.
            self.headings.clear();
            schema::told(self.database.path(), failed)
        })
    }

    async fn seal(&mut self, end: Coverage, token: Option<Token>, now: Instant) -> Result<u32, StateError> {
        let Some((directory, scope)) = self.listing.take() else {
            return Err(damaged("an end came before its listing"));
        };
        let sealed = self.database.write(|mirror| move_over(mirror, &directory, &scope, end, token, now));
        let users = sealed.map_err(|failed| schema::told(self.database.path(), failed))?;
        Ok(u32::try_from(users).unwrap_or(u32::MAX))
    }

    async fn records(
        &mut self,
        directory: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, StateError> {
        let select = "SELECT native, heading, cells FROM record WHERE directory = ?1 AND native > ?2 ORDER BY native LIMIT ?3";
        self.reading(directory, |mirror, read| {
            sql::all(mirror, select, params![directory, after.unwrap_or_default(), limit], read)
        })
    }

    async fn version(&mut self, directory: &str) -> Result<Option<Text>, StateError> {
        let select = "SELECT hex(stamp) FROM listing WHERE directory = ?1";
        self.read(|mirror| sql::first(mirror, select, [directory], |row| Ok(row.get(0)?)))
    }

    async fn digests(&mut self, directory: &str) -> Result<Vec<(Text, RecordDigest)>, StateError> {
        let select = "SELECT native, heading, cells FROM record WHERE directory = ?1 ORDER BY native";
        // By each list of columns a digest that has taken it in.
        let mut begun: BTreeMap<i64, Sha256> = BTreeMap::new();
        self.read(|mirror| {
            sql::all(mirror, select, [directory], |row| {
                let heading = row.get(1)?;
                let digest = match begun.entry(heading) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        let columns: String =
                            sql::value(mirror, "SELECT columns FROM heading WHERE id = ?1", [heading])?;
                        new.insert(
                            Sha256::new()
                                .chain_update((columns.len() as u64).to_le_bytes())
                                .chain_update(columns),
                        )
                    }
                };
                let whole = digest.clone().chain_update(row.get_ref(2)?.as_str()?).finalize();
                Ok((row.get(0)?, std::array::from_fn(|at| whole[at])))
            })
        })
    }

    async fn chosen(&mut self, directory: &str, natives: &[Text]) -> Result<Vec<Record>, StateError> {
        let select = "SELECT native, heading, cells FROM record WHERE directory = ?1 AND native = ?2";
        let mut natives: Vec<&Text> = natives.iter().collect();
        natives.sort();
        self.reading(directory, |mirror, read| {
            let found =
                natives.iter().map(|native| sql::first(mirror, select, [directory, &***native], &mut *read));
            found.filter_map(Result::transpose).collect()
        })
    }

    async fn marks(&mut self) -> Result<Option<Marks>, StateError> {
        let rows = self.read(|mirror| {
            sql::all(mirror, "SELECT left_out, marks, since FROM settled", [], |row| {
                Ok((parse(row.get_ref(0)?.as_str()?)?, row.get(1)?, Instant(row.get(2)?)))
            })
        })?;
        let since = rows.iter().map(|(_, _, since)| *since).min();
        let by_left_out = rows.into_iter().map(|(left_out, marks, _)| (left_out, marks)).collect();
        Ok(since.map(|since| Marks { since, by_left_out }))
    }

    async fn keep_marks(&mut self, marks: &Marks) -> Result<(), StateError> {
        let put = self.database.write(|mirror| {
            sql::run(mirror, "DELETE FROM settled", [])?;
            for (left_out, these) in &marks.by_left_out {
                let put = "INSERT INTO settled (left_out, marks, since) VALUES (?1, ?2, ?3)";
                sql::run(mirror, put, params![json(left_out)?, these, marks.since.0])?;
            }
            Ok(())
        });
        put.map_err(|failed| schema::told(self.database.path(), failed))
    }

    async fn has(&mut self, id: &RecordId) -> Result<bool, StateError> {
        let select = "SELECT EXISTS (SELECT 1 FROM record WHERE directory = ?1 AND native = ?2)";
        self.read(|mirror| sql::value(mirror, select, [&*id.directory, &*id.native]))
    }
}

/// Makes the staged listing the last one; gives how many records there are now.
fn move_over(
    mirror: &Connection,
    directory: &str,
    scope: &[u8],
    end: Coverage,
    token: Option<Token>,
    now: Instant,
) -> Worked<i64> {
    let sweep = match end {
        Coverage::Everything => {
            "DELETE FROM record WHERE directory = ?1 AND native NOT IN (SELECT native FROM staged WHERE cells IS NOT NULL)"
        }
        Coverage::Changes => {
            "DELETE FROM record WHERE directory = ?1 AND native IN (SELECT native FROM staged WHERE cells IS NULL)"
        }
    };
    let swept = sql::run(mirror, sweep, [directory])?;
    // Only what differs is written.
    let merge = "INSERT INTO record (directory, native, heading, cells) \
                 SELECT ?1, native, heading, cells FROM staged WHERE cells IS NOT NULL \
                 ON CONFLICT (directory, native) DO UPDATE SET heading = excluded.heading, cells = excluded.cells \
                 WHERE record.cells <> excluded.cells OR record.heading <> excluded.heading";
    let merged = sql::run(mirror, merge, [directory])?;
    let users: i64 = sql::value(mirror, "SELECT COUNT(*) FROM record WHERE directory = ?1", [directory])?;
    let covered = (end == Coverage::Everything).then_some(now.0);
    let listing = "INSERT INTO listing (directory, scope, token, users, covered, stamp) \
                   VALUES (?1, ?2, ?3, ?4, COALESCE(?5, 0), randomblob(16)) ON CONFLICT (directory) DO UPDATE SET \
                   stamp = CASE WHEN ?6 OR scope <> excluded.scope THEN excluded.stamp ELSE stamp END, \
                   scope = excluded.scope, token = excluded.token, users = excluded.users, covered = COALESCE(?5, covered)";
    sql::run(mirror, listing, params![directory, scope, token, users, covered, swept + merged > 0])?;
    sql::run(mirror, "DELETE FROM staged", [])?;
    Ok(users)
}
