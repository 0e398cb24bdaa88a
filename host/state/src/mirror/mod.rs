//! The mirror: the directory's last known records of one job. It is a cache in a file of its own.
//!
//! A listing goes in page by page and is moved over in one transaction when it ends well, together with its token.

mod cells;
mod digest;
mod listing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::{Cell, Record, RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Edit, Page, Token};
use rollcall_edges::mirror::{Intake, LastListing, Marks, Mirror, RecordDigest, Sealed};
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, Database, Row, params};

use self::cells::{cells_back, cells_of};
use self::listing::{Fresh, Listing, stage, unstage};
use crate::schema;
use crate::seal::damaged;
use crate::shapes::{json, parse};
use crate::sql::{self, Worked};

/// The lists of columns that records have, each by its number in the file.
type Headings = BTreeMap<i64, Arc<[Text]>>;

/// A mirror's file.
pub struct MirrorFile {
    database: Database,
    listing: Option<Listing>,
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

    async fn begin(&mut self, directory: &str, scope: &[u8], intake: Intake) -> Result<(), StateError> {
        self.listing = None;
        let (directory, scope) = (directory.into(), scope.to_vec());
        self.listing = Some(self.read(|mirror| Listing::begin(mirror, directory, scope, intake))?);
        Ok(())
    }

    async fn merge(&mut self, page: Page) -> Result<(), StateError> {
        let listing = self.listing.as_mut().ok_or_else(|| damaged("a page came before its listing"))?;
        let fresh = listing.fresh(page.changes);
        if fresh.is_empty() {
            return Ok(());
        }
        let (directory, headings) = (listing.directory.clone(), &mut self.headings);
        // One transaction a page: the staging table is this connection's own and is written to no disk before it is full.
        let merged = self.database.write(|mirror| {
            for change in fresh {
                let (record, digest) = match change {
                    Fresh::Record(record, digest) => (record, digest),
                    Fresh::AsBefore(native) => {
                        unstage(mirror, &native)?;
                        continue;
                    }
                    Fresh::Gone(native) => {
                        stage(mirror, &native, None)?;
                        continue;
                    }
                    Fresh::Part(native, edits) => {
                        match patched(mirror, headings, &directory, &native, &edits)? {
                            Some(record) => {
                                let digest = listing.digests.of(&record);
                                (record, digest)
                            }
                            None => continue,
                        }
                    }
                };
                let heading = heading(mirror, headings, &record.columns)?;
                stage(mirror, &record.id.native, Some((heading, digest, cells_of(record.cells)?)))?;
            }
            Ok(())
        });
        merged.map_err(|failed| {
            // Headings that were numbered in vain are not in the file.
            self.headings.clear();
            schema::told(self.database.path(), failed)
        })
    }

    async fn seal(
        &mut self,
        end: Coverage,
        token: Option<Token>,
        now: Instant,
    ) -> Result<Option<Sealed>, StateError> {
        let listing = self.listing.take().ok_or_else(|| damaged("an end came before its listing"))?;
        let sealed = self.database.write(|mirror| listing.move_over(mirror, end, token, now));
        let sealed = sealed.map_err(|failed| schema::told(self.database.path(), failed))?;
        let users = |users| u32::try_from(users).unwrap_or(u32::MAX);
        Ok(sealed.map(|(count, version)| Sealed { users: users(count), version }))
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
        let select = "SELECT native, digest FROM record WHERE directory = ?1 ORDER BY native";
        self.read(|mirror| sql::all(mirror, select, [directory], |row| Ok((row.get(0)?, row.get(1)?))))
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
