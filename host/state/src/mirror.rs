//! The mirror: the directory's last known records of one job. It is a cache in a file of its own.
//!
//! A listing is staged page by page and moved over in one transaction when it ends well, together with its token.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_core::{Cell, Record, RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Edit, Page, RecordChange, Token};
use rollcall_edges::state::{LastListing, Mirror, StateError};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::{Row as _, SqlitePool};

use crate::limits::STAGED_BYTES;
use crate::schema::{self, WRITE};
use crate::seal::damaged;
use crate::shapes::{json, parse};

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

/// A mirror's file.
pub struct MirrorFile {
    path: PathBuf,
    pool: SqlitePool,
    /// The listing that is being staged: directory and scope.
    listing: Option<(Text, Vec<u8>)>,
    headings: BTreeMap<i64, Arc<[Text]>>,
}

impl MirrorFile {
    pub(crate) async fn open(path: &Path) -> Result<Self, StateError> {
        let pool = schema::open(path, schema::MIRROR, None).await?;
        sqlx::query(schema::STAGED).execute(&pool).await.map_err(|error| schema::broken(path, &error))?;
        Ok(Self { path: path.to_owned(), pool, listing: None, headings: BTreeMap::new() })
    }

    fn broken(&self, error: &sqlx::Error) -> StateError {
        schema::broken(&self.path, error)
    }

    fn directory(&self) -> Result<Text, StateError> {
        self.listing
            .as_ref()
            .map(|(name, _)| name.clone())
            .ok_or_else(|| damaged("a page came before its listing"))
    }

    /// Gives the number of a list of columns.
    async fn heading(&mut self, columns: &Arc<[Text]>) -> Result<i64, StateError> {
        if let Some((id, _)) = self.headings.iter().find(|(_, known)| *known == columns) {
            return Ok(*id);
        }
        let text = json(&columns.to_vec())?;
        let insert = "INSERT INTO heading (columns) VALUES ($1) ON CONFLICT (columns) DO UPDATE SET columns = excluded.columns RETURNING id";
        let row = sqlx::query(insert)
            .bind(text)
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.broken(&error))?;
        let id = row.get::<i64, _>(0);
        self.headings.insert(id, columns.clone());
        Ok(id)
    }

    async fn columns(&mut self, id: i64) -> Result<Arc<[Text]>, StateError> {
        if let Some(columns) = self.headings.get(&id) {
            return Ok(columns.clone());
        }
        let row =
            sqlx::query("SELECT columns FROM heading WHERE id = $1").bind(id).fetch_one(&self.pool).await;
        let text: String = row.map_err(|error| self.broken(&error))?.get(0);
        let columns: Arc<[Text]> = parse::<Vec<Text>>(&text)?.into();
        self.headings.insert(id, columns.clone());
        Ok(columns)
    }

    /// Gives a record as this listing has it so far, else as the last one had it.
    async fn present(&mut self, directory: &Text, native: &str) -> Result<Option<Record>, StateError> {
        let select = "SELECT heading, cells, 1 FROM staged WHERE native = $1 UNION ALL \
                      SELECT heading, cells, 0 FROM record WHERE directory = $2 AND native = $1 LIMIT 1";
        let row = sqlx::query(select).bind(native).bind(&**directory).fetch_optional(&self.pool).await;
        let Some(row) = row.map_err(|error| self.broken(&error))? else { return Ok(None) };
        let (Some(heading), Some(cells)) = (row.get::<Option<i64>, _>(0), row.get::<Option<String>, _>(1))
        else {
            return Ok(None);
        };
        let columns = self.columns(heading).await?;
        let id = RecordId { directory: directory.clone(), native: native.into() };
        Ok(Some(Record { id, columns, cells: cells_back(&cells)? }))
    }

    /// Applies edits to a known record; an unknown one is ignored, for its attributes are not all known.
    async fn patched(
        &mut self,
        directory: &Text,
        native: &str,
        edits: &[(Text, Edit)],
    ) -> Result<Option<Record>, StateError> {
        let Some(record) = self.present(directory, native).await? else { return Ok(None) };
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
}

/// A row to be staged: id, and heading and cells unless the user is gone.
type Row = (Text, Option<i64>, Option<String>);

fn cells_of(cells: Box<[Cell]>) -> Result<String, StateError> {
    json(&cells.into_iter().map(Stored).collect::<Vec<_>>())
}

fn cells_back(text: &str) -> Result<Box<[Cell]>, StateError> {
    Ok(parse::<Vec<Stored>>(text)?.into_iter().map(|Stored(cell)| cell).collect())
}

#[async_trait]
impl Mirror for MirrorFile {
    async fn last(&mut self, directory: &str, scope: &[u8]) -> Result<Option<LastListing>, StateError> {
        let select = "SELECT token, covered FROM listing WHERE directory = $1 AND scope = $2";
        let row = sqlx::query(select).bind(directory).bind(scope).fetch_optional(&self.pool).await;
        let row = row.map_err(|error| self.broken(&error))?;
        Ok(row.map(|row| LastListing { token: row.get(0), full: Instant(row.get(1)) }))
    }

    async fn begin(&mut self, directory: &str, scope: &[u8]) -> Result<(), StateError> {
        sqlx::query("DELETE FROM staged").execute(&self.pool).await.map_err(|error| self.broken(&error))?;
        self.listing = Some((directory.into(), scope.to_vec()));
        Ok(())
    }

    async fn merge(&mut self, page: Page) -> Result<(), StateError> {
        let directory = self.directory()?;
        let mut rows: Vec<Row> = Vec::with_capacity(page.changes.len());
        let mut waiting = 0;
        for change in page.changes {
            let record = match change {
                RecordChange::Whole(record) => record,
                RecordChange::Gone(native) => {
                    rows.push((native, None, None));
                    continue;
                }
                RecordChange::Part(native, edits) => {
                    // The patch may be of a record that this very page has.
                    self.stage(&mut rows).await?;
                    match self.patched(&directory, &native, &edits).await? {
                        Some(record) => record,
                        None => continue,
                    }
                }
            };
            let heading = self.heading(&record.columns).await?;
            let cells = cells_of(record.cells)?;
            waiting += cells.len();
            rows.push((record.id.native, Some(heading), Some(cells)));
            if waiting > STAGED_BYTES {
                self.stage(&mut rows).await?;
                waiting = 0;
            }
        }
        self.stage(&mut rows).await
    }

    async fn seal(&mut self, end: Coverage, token: Option<Token>, now: Instant) -> Result<u32, StateError> {
        let Some((directory, scope)) = self.listing.take() else {
            return Err(damaged("an end came before its listing"));
        };
        let users =
            self.move_over(&directory, &scope, end, token, now).await.map_err(|error| self.broken(&error))?;
        Ok(u32::try_from(users).unwrap_or(u32::MAX))
    }

    async fn records(
        &mut self,
        directory: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>, StateError> {
        let select = "SELECT native, heading, cells FROM record WHERE directory = $1 AND native > $2 ORDER BY native LIMIT $3";
        let query =
            sqlx::query(select).bind(directory).bind(after.unwrap_or_default()).bind(i64::from(limit));
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.broken(&error))?;
        let name = Text::from(directory);
        let mut records = Vec::with_capacity(rows.len());
        for row in rows {
            let columns = self.columns(row.get(1)).await?;
            let id = RecordId { directory: name.clone(), native: row.get::<String, _>(0).into() };
            records.push(Record { id, columns, cells: cells_back(row.get(2))? });
        }
        Ok(records)
    }

    async fn version(&mut self, directory: &str) -> Result<Option<Text>, StateError> {
        let select = "SELECT hex(stamp) FROM listing WHERE directory = $1";
        let query = sqlx::query_scalar::<_, String>(select).bind(directory);
        let found = query.fetch_optional(&self.pool).await.map_err(|error| self.broken(&error))?;
        Ok(found.map(Text::from))
    }

    async fn has(&mut self, id: &RecordId) -> Result<bool, StateError> {
        let select = "SELECT 1 FROM record WHERE directory = $1 AND native = $2";
        let query = sqlx::query(select).bind(&*id.directory).bind(&*id.native);
        let row = query.fetch_optional(&self.pool).await.map_err(|error| self.broken(&error))?;
        Ok(row.is_some())
    }
}

impl MirrorFile {
    /// Writes rows to the staging table in one statement: each statement is a hand-over to SQLite's thread.
    async fn stage(&self, rows: &mut Vec<Row>) -> Result<(), StateError> {
        let insert = "INSERT INTO staged (native, heading, cells) \
                      SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1) WHERE true ORDER BY key \
                      ON CONFLICT (native) DO UPDATE SET heading = excluded.heading, cells = excluded.cells";
        let query = sqlx::query(insert).bind(json(rows)?);
        rows.clear();
        query.execute(&self.pool).await.map(drop).map_err(|error| self.broken(&error))
    }

    async fn move_over(
        &self,
        directory: &str,
        scope: &[u8],
        end: Coverage,
        token: Option<Token>,
        now: Instant,
    ) -> Result<i64, sqlx::Error> {
        let mut tx = self.pool.begin_with(WRITE).await?;
        let sweep = match end {
            Coverage::Everything => {
                "DELETE FROM record WHERE directory = $1 AND native NOT IN (SELECT native FROM staged WHERE cells IS NOT NULL)"
            }
            Coverage::Changes => {
                "DELETE FROM record WHERE directory = $1 AND native IN (SELECT native FROM staged WHERE cells IS NULL)"
            }
        };
        let swept = sqlx::query(sweep).bind(directory).execute(&mut *tx).await?.rows_affected();
        // Only what differs is written.
        let merge = "INSERT INTO record (directory, native, heading, cells) \
                     SELECT $1, native, heading, cells FROM staged WHERE cells IS NOT NULL \
                     ON CONFLICT (directory, native) DO UPDATE SET heading = excluded.heading, cells = excluded.cells \
                     WHERE record.cells <> excluded.cells OR record.heading <> excluded.heading";
        let merged = sqlx::query(merge).bind(directory).execute(&mut *tx).await?.rows_affected();
        let count = sqlx::query("SELECT COUNT(*) FROM record WHERE directory = $1")
            .bind(directory)
            .fetch_one(&mut *tx)
            .await?;
        let users = count.get::<i64, _>(0);
        let covered = (end == Coverage::Everything).then_some(now.0);
        let listing = "INSERT INTO listing (directory, scope, token, users, covered, stamp) \
                       VALUES ($1, $2, $3, $4, COALESCE($5, 0), randomblob(16)) ON CONFLICT (directory) DO UPDATE SET \
                       stamp = CASE WHEN $6 OR scope <> excluded.scope THEN excluded.stamp ELSE stamp END, \
                       scope = excluded.scope, token = excluded.token, users = excluded.users, covered = COALESCE($5, covered)";
        let query = sqlx::query(listing).bind(directory).bind(scope).bind(token).bind(users).bind(covered);
        query.bind(swept + merged > 0).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM staged").execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(users)
    }
}
