//! Where in a JSON file its users are: a list at the top or under a key, or an object a line.

use std::collections::BTreeSet;

use rollcall_connector::{Error, Fault};

use crate::flat::Flat;
use crate::json::Json;
use crate::settings::{Format, Settings};
use crate::text::Text;
use crate::user::{Trouble, User, another_id, did_you_mean, listed};

/// The users of an open file.
pub(crate) struct Records {
    json: Json,
    flat: Flat,
    id_column: String,
    at: At,
    /// The objects around the list that are open, each with the keys that it has had.
    around: Vec<BTreeSet<String>>,
    first: bool,
}

/// Where the next user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Behind the bracket that opens the list.
    First,
    /// Behind a user of the list.
    Next,
    /// On a line of its own.
    Line,
    End,
}

impl Records {
    /// Goes to the first user.
    ///
    /// # Errors
    /// A list that is not where the settings say is an invalid setting; what is no JSON is permanent.
    pub(crate) fn open(settings: &Settings, text: Text, format: Format) -> Result<Self, Error> {
        let faults = settings.for_csv_alone();
        if !faults.is_empty() {
            return Err(Error::InvalidSettings(faults));
        }
        let by_line = format == Format::Ndjson;
        let mut records = Self {
            json: Json::new(text, by_line),
            flat: Flat::new(&settings.many),
            id_column: settings.id_column.clone(),
            at: if by_line { At::Line } else { At::First },
            around: Vec::new(),
            first: true,
        };
        // JSON has no header: a byte of another encoding is as broken at the top as anywhere.
        records.json.text.end_header();
        if by_line {
            records.json.blank_lines()?;
        }
        if records.json.peek()?.is_none() {
            // Most likely it is being written just now: that is no mistake of the job.
            let name = records.json.text.name();
            return Err(Error::permanent(format!(
                "the file `{name}` is empty, so the directory was not read"
            )));
        }
        if !by_line {
            match &settings.records {
                Some(path) => records.enter(path)?,
                None => records.enter_top()?,
            }
        }
        Ok(records)
    }

    pub(crate) fn text(&self) -> &Text {
        &self.json.text
    }

    /// The columns so far.
    pub(crate) fn columns(&self) -> &[String] {
        self.flat.columns()
    }

    /// Gives the next user.
    ///
    /// # Errors
    /// One without an id is wrong by itself; what is no JSON ends the reading.
    pub(crate) fn next(&mut self) -> Result<Option<User>, Trouble> {
        if !self.advance()? {
            return Ok(None);
        }
        let kind = self.json.peek()?;
        let line = self.json.text.line();
        if self.at == At::Line && kind == Some(b'[') {
            let message = format!(
                "`{}` line {line}: a list stands where an object a line is due",
                self.json.text.name()
            );
            let fault = Fault::new("format", message).hint("write `format = \"json\"`");
            return Err(Error::setting(fault).into());
        }
        if kind != Some(b'{') {
            return Err(self.json.expected("the object of a user").into());
        }
        self.json.record(&mut self.flat)?;
        if self.at == At::Line && !matches!(self.json.peek()?, None | Some(b'\n' | b'\r')) {
            return Err(self.json.expected("the end of the line").into());
        }
        let id = self.flat.id(&self.id_column);
        let cells = self.flat.take();
        match id {
            Some(id) => {
                self.first = false;
                Ok(Some(User { line, id, cells }))
            }
            None => Err(self.no_id(line)),
        }
    }

    /// Goes to where the next user begins; says whether there is one.
    fn advance(&mut self) -> Result<bool, Error> {
        let another = match self.at {
            At::End => return Ok(false),
            At::Line => {
                self.json.blank_lines()?;
                self.json.peek()?.is_some()
            }
            At::First => !self.json.take(b']')?,
            At::Next => self.json.goes_on(b']')?,
        };
        match (another, self.at) {
            (true, At::First) => self.at = At::Next,
            (true, _) => {}
            (false, at) => {
                if at != At::Line {
                    self.leave()?;
                }
                self.at = At::End;
            }
        }
        Ok(another)
    }

    fn no_id(&mut self, line: u64) -> Trouble {
        let id = &self.id_column;
        let known = self.flat.columns();
        if std::mem::take(&mut self.first) && !known.contains(id) {
            let message = format!("`{}` line {line}: the user has no `{id}`", self.json.text.name());
            let hint = another_id(id, known.iter().map(String::as_str));
            return Trouble::File(Error::setting(Fault::new("id_column", message).hint(hint)));
        }
        Trouble::User {
            line,
            what: format!("the user has no `{id}`, or one that is no text and no whole number"),
        }
    }

    /// Enters the list at the top.
    fn enter_top(&mut self) -> Result<(), Error> {
        if self.json.take(b'[')? {
            return Ok(());
        }
        if self.json.peek()? != Some(b'{') {
            return Err(self.json.expected("a list of users"));
        }
        // The whole object is looked at, so that the message can say where a list is.
        let line = self.json.text.line();
        let (_, lists) = self.keys()?;
        let names: Vec<&str> = lists.iter().map(String::as_str).collect();
        let name = self.json.text.name().to_owned();
        if self.json.peek()?.is_some() {
            let message = format!("`{name}` has several objects one after the other, not one list of them");
            return Err(Error::setting(Fault::new("format", message).hint("write `format = \"ndjson\"`")));
        }
        let hint = match names.as_slice() {
            [] => {
                "no key of it holds a list; name the one further inside, such as `records = \"data.users\"`"
                    .into()
            }
            [only] => format!("write `records = \"{only}\"`"),
            several => format!("say which list it is with `records`: {}", listed(several)),
        };
        let message = format!("`{name}` line {line}: there is an object where the list of users is due");
        Err(Error::setting(Fault::new("records", message).hint(hint)))
    }

    /// Enters the list under the keys of a path.
    fn enter(&mut self, path: &str) -> Result<(), Error> {
        for wanted in path.split('.') {
            match self.json.peek()? {
                Some(b'{') => {}
                // Such as a login page: no setting makes a list of it.
                next if self.around.is_empty() && next != Some(b'[') => {
                    return Err(self.json.expected(&format!("the object that has `{wanted}`")));
                }
                _ => return Err(self.elsewhere(path, wanted)),
            }
            self.json.take(b'{')?;
            let mut known = BTreeSet::new();
            if self.json.take(b'}')? {
                return Err(self.absent(path, wanted, &known));
            }
            while self.json.key(&mut known)? != wanted {
                self.json.pass()?;
                if !self.json.goes_on(b'}')? {
                    return Err(self.absent(path, wanted, &known));
                }
            }
            self.around.push(known);
        }
        if self.json.take(b'[')? {
            return Ok(());
        }
        let line = self.json.text.line();
        let message = format!("`{}` line {line}: `{path}` is no list", self.json.text.name());
        let mut fault = Fault::new("records", message);
        if self.json.peek()? == Some(b'{') {
            let (keys, _) = self.keys()?;
            let names: Vec<&str> = keys.iter().map(String::as_str).collect();
            fault = fault.hint(format!("it is an object that has {}", listed(&names)));
        }
        Err(Error::setting(fault))
    }

    fn elsewhere(&mut self, path: &str, wanted: &str) -> Error {
        let line = self.json.text.line();
        let name = self.json.text.name();
        let message =
            format!("`{name}` line {line}: no object is there that could have the `{wanted}` of `{path}`");
        let hint = if self.around.is_empty() {
            "remove `records`: the list stands at the top"
        } else {
            "name the key that holds the list"
        };
        Error::setting(Fault::new("records", message).hint(hint))
    }

    fn absent(&self, path: &str, wanted: &str, known: &BTreeSet<String>) -> Error {
        let message = format!("`{}` has no `{wanted}` where `{path}` leads", self.json.text.name());
        let hint = did_you_mean(wanted, known.iter().map(String::as_str));
        Error::setting(Fault::new("records", message).hint(hint))
    }

    /// Passes over an object; gives its keys, and those that hold a list.
    fn keys(&mut self) -> Result<(BTreeSet<String>, Vec<String>), Error> {
        let (mut known, mut lists) = (BTreeSet::new(), Vec::new());
        self.json.take(b'{')?;
        if self.json.take(b'}')? {
            return Ok((known, lists));
        }
        loop {
            let key = self.json.key(&mut known)?;
            if self.json.peek()? == Some(b'[') {
                lists.push(key);
            }
            self.json.pass()?;
            if !self.json.goes_on(b'}')? {
                return Ok((known, lists));
            }
        }
    }

    /// Reads what is left of the objects around the list, and sees to it that nothing follows them.
    fn leave(&mut self) -> Result<(), Error> {
        while let Some(mut known) = self.around.pop() {
            while self.json.goes_on(b'}')? {
                self.json.key(&mut known)?;
                self.json.pass()?;
            }
        }
        if self.json.peek()?.is_some() {
            return Err(self.json.expected("the end of the file"));
        }
        Ok(())
    }
}
