//! Appending to the chain, always in the transaction that does what the entry speaks of.

use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use sqlx::{Row as _, Sqlite, Transaction};

use super::{Act, Entry, Leaf, RunStep, SALT_BYTES, commitment, root, rows};
use crate::schema::WRITE;
use crate::seal::{Seal, damaged};
use crate::store::Store;

/// The purpose of the head's keyed hash.
const HEAD: &str = "audit head";

/// Begins the chain of a state, in the transaction that makes its tables.
pub(crate) async fn begin(tx: &mut Transaction<'_, Sqlite>, seal: &Seal) -> Result<(), sqlx::Error> {
    let entry = Entry { seq: 0, at: Instant(0), kind: "begin", run: "" };
    let root = root(std::iter::empty());
    insert(tx, &entry, &[], &root).await?;
    let digest = entry.digest(&[], &root);
    let insert = "INSERT INTO audit_head (id, seq, digest, mac) VALUES (1, 0, $1, $2)";
    let query = sqlx::query(insert).bind(digest.as_slice());
    query.bind(head_mac(seal, 0, &digest).as_slice()).execute(&mut **tx).await.map(drop)
}

/// Authenticates a head.
pub(super) fn head_mac(seal: &Seal, seq: i64, digest: &[u8]) -> [u8; 32] {
    seal.keyed().hash(HEAD, &[&seq.to_le_bytes(), digest])
}

/// Tells whether a head is this state's own.
pub(super) fn head_fits(seal: &Seal, seq: i64, digest: &[u8], mac: &[u8]) -> bool {
    seal.keyed().fits(HEAD, &[&seq.to_le_bytes(), digest], mac)
}

async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    entry: &Entry<'_>,
    previous: &[u8],
    root: &[u8],
) -> Result<(), sqlx::Error> {
    let insert =
        "INSERT INTO audit (seq, at, kind, run, previous, root, digest) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(insert)
        .bind(entry.seq)
        .bind(entry.at.0)
        .bind(entry.kind)
        .bind(entry.run)
        .bind(previous)
        .bind(root)
        .bind(entry.digest(previous, root).as_slice())
        .execute(&mut **tx)
        .await
        .map(drop)
}

impl Store {
    /// Notes an act in the audit chain, in a transaction of its own.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub async fn audit(&self, act: &Act<'_>) -> Result<(), StateError> {
        let mut tx = self.pool.begin_with(WRITE).await.map_err(|error| self.broken(&error))?;
        self.audit_act(&mut tx, act).await?;
        tx.commit().await.map_err(|error| self.broken(&error))
    }

    /// Notes an act in the audit chain, in the transaction that does it.
    pub(crate) async fn audit_act(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        act: &Act<'_>,
    ) -> Result<i64, StateError> {
        self.append(tx, act.at, act.kind, act.run.unwrap_or_default(), vec![act.leaf()]).await
    }

    /// Notes in the audit chain what became of a run, with its rows as they stand in this transaction.
    pub(crate) async fn audit_run(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        run: &str,
        step: RunStep,
        at: Instant,
    ) -> Result<(), StateError> {
        let leaves = rows::leaves(tx, run, step).await.map_err(|error| self.broken(&error))?;
        self.append(tx, at, step.kind(), run, leaves).await.map(drop)
    }

    async fn append(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        at: Instant,
        kind: &str,
        run: &str,
        leaves: Vec<Leaf>,
    ) -> Result<i64, StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        // The head is written first: whoever else appends waits here, and reads what this transaction leaves.
        let take = "UPDATE audit_head SET seq = seq + 1 WHERE id = 1 RETURNING seq, digest";
        let head = sqlx::query(take).fetch_optional(&mut **tx).await.map_err(broken)?;
        let head = head.ok_or_else(|| damaged("the audit chain has no head"))?;
        let (seq, previous): (i64, Vec<u8>) = (head.get(0), head.get(1));
        let mut salts = vec![0u8; leaves.len() * SALT_BYTES];
        getrandom::fill(&mut salts).map_err(|error| damaged(&format!("no random numbers: {error}")))?;
        let salted: Vec<_> = leaves
            .into_iter()
            .zip(salts.chunks_exact(SALT_BYTES))
            .map(|(leaf, salt)| (commitment(salt, &leaf.what, &leaf.record), salt, leaf))
            .collect();
        let root = root(salted.iter().map(|(commitment, ..)| commitment.as_slice()));
        let entry = Entry { seq, at, kind, run };
        insert(tx, &entry, &previous, &root).await.map_err(broken)?;
        for (idx, (commitment, salt, leaf)) in salted.iter().enumerate() {
            let insert = "INSERT INTO audit_leaf (entry, idx, what, commitment, salt, record) VALUES ($1, $2, $3, $4, $5, $6)";
            sqlx::query(insert)
                .bind(seq)
                .bind(i64::try_from(idx).unwrap_or(i64::MAX))
                .bind(&leaf.what)
                .bind(commitment.as_slice())
                .bind(*salt)
                .bind(leaf.kept.then_some(leaf.record.as_str()))
                .execute(&mut **tx)
                .await
                .map_err(broken)?;
        }
        let digest = entry.digest(&previous, &root);
        let put = "UPDATE audit_head SET digest = $1, mac = $2 WHERE id = 1";
        let query = sqlx::query(put).bind(digest.as_slice());
        let query = query.bind(head_mac(&self.seal, seq, &digest).to_vec());
        query.execute(&mut **tx).await.map_err(broken)?;
        Ok(seq)
    }
}
