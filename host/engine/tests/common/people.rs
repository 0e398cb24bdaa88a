//! A directory of written pages.

#![allow(unreachable_pub, reason = "it is a part of several test binaries")]

use std::collections::VecDeque;

use async_trait::async_trait;
use rollcall_core::Text;
use rollcall_edges::directory::{Attributes, Connection, Directory, DirectoryError, Listing, Page, Token};

/// Each listing has the next page alone; where that has no end, and where there is none, it breaks off.
pub struct People(VecDeque<Page>);

impl People {
    pub fn of<const N: usize>(pages: [Page; N]) -> Self {
        Self(pages.into())
    }
}

#[async_trait]
impl Directory for People {
    async fn identity(&mut self) -> Result<Text, DirectoryError> {
        Ok("people".into())
    }
    async fn check(&mut self) -> Result<Connection, DirectoryError> {
        Ok(Connection::default())
    }
    async fn attributes(&mut self) -> Result<Attributes, DirectoryError> {
        Ok(Attributes { known: Vec::new(), open: true })
    }
    async fn open(&mut self, _: Option<Token>) -> Result<Box<dyn Listing>, DirectoryError> {
        Ok(Box::new(OnePage(self.0.pop_front())))
    }
}

struct OnePage(Option<Page>);

#[async_trait]
impl Listing for OnePage {
    async fn next(&mut self) -> Result<Page, DirectoryError> {
        self.0.take().ok_or_else(|| DirectoryError::Incomplete("broke off".into()))
    }
}
