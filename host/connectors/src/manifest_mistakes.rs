//! Mistakes of a manifest, each shown where it stands, with what to write instead.

use std::collections::BTreeMap;
use std::ops::Range;

use rollcall_core::{Diagnostic, Place, Text, codes};
use toml::de::{DeTable, DeValue};

use crate::words::{did_you_mean, harmless, tame};

/// How much of a sentence with a maker's words in it is said, in bytes.
const SAID_BYTES: usize = 500;
/// Where the whole format is described.
const FORMAT: &str = "`plugins/manifest.md` describes every key";

/// One mistake: the path of the key, what is wrong in one clause, and what to do.
#[derive(Debug)]
pub(crate) struct Mistake {
    path: Vec<String>,
    message: String,
    hint: String,
}

/// The mistakes that were found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one at a key, or at the nearest table above it that there is.
    pub(crate) fn add(&mut self, path: &[&str], message: impl Into<String>, hint: impl Into<String>) {
        let path = path.iter().map(|key| (*key).to_owned()).collect();
        self.0.push(Mistake { path, message: message.into(), hint: hint.into() });
    }

    /// Gives them as diagnostics.
    pub(crate) fn told(self, text: &ManifestText<'_>) -> Vec<Diagnostic> {
        self.0
            .into_iter()
            .map(|one| text.wrong(&one.message, text.nearest(&one.path)).hint(tame(&one.hint, SAID_BYTES)))
            .collect()
    }
}

/// The text of a manifest, with its file's name.
#[derive(Debug)]
pub(crate) struct ManifestText<'a> {
    file: &'a str,
    text: &'a str,
    places: BTreeMap<Vec<String>, Range<usize>>,
}

impl<'a> ManifestText<'a> {
    pub(crate) fn new(file: &'a str, text: &'a str) -> Self {
        let mut places = BTreeMap::new();
        if let Ok(table) = DeTable::parse(text) {
            walk(table.get_ref(), &mut Vec::new(), &mut places);
        }
        Self { file, text, places }
    }

    /// Gives what the reader of the shape says.
    pub(crate) fn misread(&self, error: &toml::de::Error) -> Diagnostic {
        let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        let named: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let hint = match named.split_first() {
            Some((given, known)) if message.starts_with("unknown ") => {
                did_you_mean(given, known.iter().copied())
            }
            Some((key, _)) if message.starts_with("missing field") => format!("write `{key} = …`; {FORMAT}"),
            _ => FORMAT.to_owned(),
        };
        let clause = message.split(", expected one of").next().unwrap_or(&message);
        self.wrong(clause, error.span()).hint(tame(&hint, SAID_BYTES))
    }

    fn wrong(&self, message: &str, bytes: Option<Range<usize>>) -> Diagnostic {
        let place = bytes.map_or(Place::Nowhere, |bytes| Place::Span {
            file: Text::from(self.file),
            // It comes out of somebody's component, and is shown on a terminal.
            source: harmless(self.text).into(),
            bytes,
        });
        let message = format!("the manifest is wrong: {}", tame(message, SAID_BYTES));
        Diagnostic::error(codes::CONNECTOR_INVALID, message).at(place)
    }

    /// Gives the place of a key, or of the nearest table above it. One way of a login may stand in a list or alone.
    fn nearest(&self, path: &[String]) -> Option<Range<usize>> {
        (1..=path.len()).rev().find_map(|length| {
            let path = &path[..length];
            let alone =
                || path.iter().filter(|key| key.parse::<usize>().is_err()).cloned().collect::<Vec<_>>();
            self.places.get(path).or_else(|| self.places.get(&alone())).cloned()
        })
    }
}

/// Collects the place of every key: of a table its key, of anything else its value.
fn walk(table: &DeTable<'_>, path: &mut Vec<String>, places: &mut BTreeMap<Vec<String>, Range<usize>>) {
    for (key, value) in table {
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => {
                places.insert(path.clone(), key.span());
                walk(inner, path, places);
            }
            DeValue::Array(members) => {
                places.insert(path.clone(), value.span());
                for (at, member) in members.iter().enumerate() {
                    path.push(at.to_string());
                    places.insert(path.clone(), member.span());
                    if let DeValue::Table(inner) = member.get_ref() {
                        walk(inner, path, places);
                    }
                    path.pop();
                }
            }
            _ => drop(places.insert(path.clone(), value.span())),
        }
        path.pop();
    }
}

#[cfg(test)]
mod tests {
    use rollcall_core::diag::line_and_column;

    use crate::manifest::Manifest;

    const GOOD: &str = r#"name = "x"
version = "1.0.0"
about = "x"
contract = "0.1"

[settings.url]
type = "text"
kind = "url"
about = "x"

[credentials.key]
about = "x"

[[login.hr]]
kind = "token"
token = "key"
origins = ["{url}"]
reason = "Signs in."

[[grant.http]]
origin = "{url}"
methods = ["GET"]
reason = "Reads."
"#;

    /// Holds what is said of a changed manifest: line, column and what they are of, message, hint.
    fn check(from: &str, to: &str, at: (usize, usize), of: &str, message: &str, hint: &str) {
        assert!(GOOD.contains(from), "{from}");
        let wrong = Manifest::parse(GOOD.replacen(from, to, 1).as_bytes()).unwrap_err();
        let rollcall_core::Place::Span { file, source, bytes } = &wrong[0].place else { panic!("{wrong:?}") };
        assert_eq!((&**file, line_and_column(source, bytes.start)), ("connector.toml", at), "{wrong:?}");
        assert!(source[bytes.clone()].starts_with(of), "`{}` is not `{of}`", &source[bytes.clone()]);
        assert_eq!(wrong[0].message, format!("the manifest is wrong: {message}"));
        assert!(wrong[0].hint.as_deref().is_some_and(|said| said.contains(hint)), "{wrong:?}");
    }

    #[test]
    fn a_mistake_is_shown_where_it_stands() {
        Manifest::parse(GOOD.as_bytes()).unwrap();
        let meant = |word: &str| format!("did you mean `{word}`?");
        check("kind = \"url\"", "knid = \"url\"", (8, 1), "knid", "unknown field `knid`", &meant("kind"));
        check(
            "kind = \"url\"",
            "kind = \"urll\"",
            (8, 8),
            "\"urll\"",
            "unknown variant `urll`",
            &meant("url"),
        );
        check(
            "type = \"text\"",
            "type = \"txt\"",
            (7, 8),
            "\"txt\"",
            "unknown variant `txt`",
            &meant("text"),
        );
        check("token = \"key\"", "tokn = \"key\"", (16, 1), "tokn", "unknown field `tokn`", &meant("token"));
        check(
            "kind = \"token\"",
            "kind = \"tokem\"",
            (15, 8),
            "\"tokem\"",
            "unknown variant `tokem`",
            &meant("token"),
        );
        check("[[grant.http]]", "[[grant.htp]]", (20, 9), "htp", "unknown field `htp`", &meant("http"));
        check("methods =", "method =", (22, 1), "method", "unknown field `method`", &meant("methods"));
        check("reason = \"Reads.\"\n", "", (20, 1), "", "missing field `reason`", "write `reason = …`");
        check("\"token\"\n", "\"token\n", (15, 14), "", "invalid basic string, expected `\"`", "manifest.md");
        check(
            "[\"GET\"]",
            "\"GET\"",
            (22, 11),
            "\"GET\"",
            "invalid type: string \"GET\", expected a sequence",
            "manifest.md",
        );
        // What the shape alone does not tell.
        let post = "the method `POTS` cannot be granted";
        check("[\"GET\"]", "[\"GET\", \"POTS\"]", (22, 19), "\"POTS\"", post, &meant("POST"));
        let none = "the login `hr` uses the credential `kee`, which does not exist";
        check("token = \"key\"", "token = \"kee\"", (16, 9), "\"kee\"", none, &meant("key"));
        let needs = "`{ulr}` needs the setting `ulr`, which does not exist";
        check("origin = \"{url}\"", "origin = \"{ulr}\"", (21, 10), "\"{ulr}\"", needs, &meant("url"));
    }

    #[test]
    fn a_manifest_is_no_way_to_the_terminal() {
        let bad = GOOD.replace("about = \"x\"\n\n[settings", "about = \"\u{9b}31m\u{202e}x\"\n\n[settings");
        let text = bad.replace("contract = \"0.1\"", "contract = \"0.1\"\nodd = 1");
        let wrong = Manifest::parse(text.as_bytes()).unwrap_err();
        let rollcall_core::Place::Span { source, bytes, .. } = &wrong[0].place else { panic!("{wrong:?}") };
        assert!(!source.contains(['\u{9b}', '\u{202e}']), "{source:?}");
        assert_eq!(&source[bytes.clone()], "odd");
    }
}
