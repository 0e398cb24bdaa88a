//! `rollcall.lock`, beside a job file: which connectors the job runs with, each by its digest.

use rollcall_core::{Diagnostic, codes};
use serde::{Deserialize, Serialize};

/// The file's name.
pub const FILE: &str = "rollcall.lock";

const HEAD: &str =
    "# Which connectors the jobs of this folder run with. Written by `rollcall connector lock`.\n\n";

/// A connector that is pinned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of what was installed, or of the component that a job names by its path; lower-case hexadecimal.
    pub sha256: String,
    /// The key that it was signed with; none where it was accepted without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Where it was fetched from; none where it was a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The SHA-256 of the component in the package; none where `sha256` is a component's already, and in lines of an
    /// earlier kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
}

impl Pin {
    /// Gives the digest of what runs.
    fn component(&self) -> &str {
        self.component.as_deref().unwrap_or(&self.sha256)
    }

    /// Says whether it is a component's that a job names by its path, in no package.
    pub fn is_bare(&self) -> bool {
        self.component.is_none() && self.key.is_none()
    }

    /// Says whether it is of a signed package and, as such lines once were, does not say which component is in it.
    fn is_earlier(&self) -> bool {
        self.component.is_none() && self.key.is_some()
    }

    /// Says whether both are of one component, of which one at least is in no package: no key signs it there, so that only
    /// the component itself can be compared.
    fn is_component_of(&self, other: &Self) -> bool {
        (self.is_bare() || other.is_bare())
            && self.version == other.version
            && self.component() == other.component()
    }
}

/// The pinned connectors, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    #[serde(default)]
    connector: Vec<Pin>,
}

impl Pins {
    /// Reads the file's text.
    ///
    /// # Errors
    /// Where it is not as [`Pins::text`] writes it.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        toml::from_str(text).map_err(|error| {
            let message = format!("`{FILE}` cannot be read: {}", error.message().replace('\n', " "));
            Diagnostic::error(codes::LOCK_MISSING, message)
                .hint("`rollcall connector lock JOB` writes it anew")
        })
    }

    /// Pins a connector, in the place of another one of its name. The pin of a package stays where its own component comes
    /// along alone: it says more.
    pub fn put(&mut self, pin: Pin) {
        if self.of(&pin.name).is_some_and(|known| pin.is_bare() && pin.is_component_of(known)) {
            return;
        }
        self.connector.retain(|known| known.name != pin.name);
        self.connector.push(pin);
        self.connector.sort_by(|one, other| one.name.cmp(&other.name));
    }

    /// Gives the pins, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Pin> {
        self.connector.iter()
    }

    /// Says in the lines of an earlier kind which component is in the package. `component`: the SHA-256 of the one in
    /// the package of a pin, where that is at hand.
    pub fn complete(&mut self, component: impl Fn(&Pin) -> Option<String>) {
        for pin in self.connector.iter_mut().filter(|pin| pin.is_earlier()) {
            pin.component = component(pin);
        }
    }

    /// Refuses a component that a job names by its path where nothing says whether it is the one in the pinned package:
    /// a pin of its own would lose the key.
    ///
    /// # Errors
    /// Where it is.
    pub fn comparable(&self, pin: &Pin) -> Result<(), Diagnostic> {
        let Some(pinned) = self.of(&pin.name).filter(|pinned| pin.is_bare() && pinned.is_earlier()) else {
            return Ok(());
        };
        let (name, version) = (&pinned.name, &pinned.version);
        let message = format!(
            "`{FILE}` pins the package of the connector `{name}` {version} in a line of an earlier kind, which does not say \
             which component is in it"
        );
        let hint = format!(
            "`rollcall connector lock JOB` completes the line where that package is installed; or take the line of `{name}` \
             out of `{FILE}`"
        );
        Err(Diagnostic::error(codes::LOCK_DIFFERS, message).hint(hint))
    }

    /// Gives the pin of a connector.
    pub fn of(&self, name: &str) -> Option<&Pin> {
        self.connector.iter().find(|known| known.name == name)
    }

    /// Gives the file's text.
    pub fn text(&self) -> String {
        HEAD.to_owned() + &toml::to_string(self).unwrap_or_default()
    }

    /// Refuses one of rollcall's own connectors where another one of its name is pinned.
    ///
    /// # Errors
    /// Where it is.
    pub fn check_bundled(&self, name: &str) -> Result<(), Diagnostic> {
        let Some(pinned) = self.of(name) else { return Ok(()) };
        let message = format!(
            "`{FILE}` pins the connector `{name}` {}, which was a partner's, and this rollcall has its own of that name",
            pinned.version
        );
        Err(Diagnostic::error(codes::LOCK_DIFFERS, message)
            .hint(format!("if rollcall's own is meant, take `{name}` out of `{FILE}`")))
    }

    /// Holds a connector against its pin.
    ///
    /// # Errors
    /// Where it is another one than was pinned, or none was.
    pub fn check(&self, pin: &Pin) -> Result<(), Diagnostic> {
        let hint = "if that is meant, `rollcall connector lock JOB` pins the one of now";
        let differs = |message: String| Err(Diagnostic::error(codes::LOCK_DIFFERS, message).hint(hint));
        let Some(pinned) = self.of(&pin.name) else {
            return differs(format!("`{FILE}` does not pin the connector `{}`", pin.name));
        };
        if pin.is_component_of(pinned) {
            return Ok(());
        }
        self.comparable(pin)?;
        let key = |pin: &Pin| pin.key.clone().unwrap_or_else(|| "no key".to_owned());
        // Digests of one kind are named.
        let digest = if pin.is_bare() { pinned.component() } else { &pinned.sha256 };
        for (what, pinned, is) in [
            ("version", pinned.version.clone(), pin.version.clone()),
            ("digest", digest.to_owned(), pin.sha256.clone()),
            ("key", key(pinned), key(pin)),
        ] {
            if pinned != is {
                let name = &pin.name;
                return differs(format!(
                    "`{FILE}` pins the {what} {pinned} of the connector `{name}`, and it is {is}"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(name: &str, version: &str, key: Option<&str>) -> Pin {
        Pin {
            name: name.to_owned(),
            version: version.to_owned(),
            sha256: "ab".to_owned(),
            key: key.map(str::to_owned),
            origin: None,
            component: Some("in it".to_owned()),
        }
    }

    #[test]
    fn what_is_pinned_is_what_runs() {
        let mut pins = Pins::default();
        pins.put(pin("roster", "1.0.0", None));
        pins.put(pin("hr", "1.0.0", Some("RWx")));
        pins.put(pin("roster", "1.1.0", None));
        let read = Pins::parse(&pins.text()).unwrap();
        assert_eq!(read, pins);
        assert!(pins.text().find("\"hr\"") < pins.text().find("\"roster\""), "{}", pins.text());
        let check = |pin: &Pin, expect: Option<&str>| {
            let wrong = read.check(pin).err();
            match (wrong, expect) {
                (None, None) => {}
                (Some(wrong), Some(expect)) if wrong.message.contains(expect) => {}
                (wrong, expect) => panic!("{wrong:?} instead of {expect:?}"),
            }
        };
        check(&pin("hr", "1.0.0", Some("RWx")), None);
        check(&pin("roster", "1.1.0", None), None);
        check(&pin("roster", "1.0.0", None), Some("pins the version 1.1.0"));
        check(&Pin { sha256: "cd".to_owned(), ..pin("roster", "1.1.0", None) }, Some("pins the digest ab"));
        check(&pin("hr", "1.0.0", None), Some("pins the key RWx"));
        check(&pin("other", "1.0.0", None), Some("does not pin the connector `other`"));
        assert!(Pins::parse("connector = 1").is_err());
    }

    #[test]
    fn a_component_is_the_one_in_its_package() {
        let package = Pin {
            sha256: "package".to_owned(),
            component: Some("ab".to_owned()),
            ..pin("hr", "1.0.0", Some("RWx"))
        };
        let bare = Pin { component: None, ..pin("hr", "1.0.0", None) };
        let check = |pinned: &Pin, is: &Pin, expect: bool| {
            let mut pins = Pins::default();
            pins.put(pinned.clone());
            assert_eq!(pins.check(is).is_ok(), expect, "{pinned:?} {is:?}");
        };
        check(&package, &bare, true);
        check(&bare, &package, true);
        check(&package, &Pin { sha256: "cd".to_owned(), ..bare.clone() }, false);
        check(&bare, &Pin { component: Some("cd".to_owned()), ..package.clone() }, false);
        // A line that says nothing of the component is of a package too, and can be completed.
        let earlier = Pin { component: None, ..package.clone() };
        check(&earlier, &package, true);
        check(&earlier, &bare, false);
        let mut pins = Pins::parse(&Pins { connector: vec![earlier] }.text()).unwrap();
        let told = pins.check(&bare).unwrap_err();
        assert!(told.message.contains("of an earlier kind") && pins.comparable(&package).is_ok(), "{told:?}");
        pins.complete(|_| None);
        assert!(pins.comparable(&bare).is_err());
        pins.complete(|pin| Some(pin.sha256.replace("package", "ab")));
        assert_eq!(pins.iter().collect::<Vec<_>>(), [&package]);
        // Two packages are compared as such, whatever is in them.
        check(&package, &Pin { sha256: "other".to_owned(), ..package.clone() }, false);
        check(&package, &Pin { key: None, ..package.clone() }, false);
        check(&Pin { component: None, key: None, ..package.clone() }, &package, false);
        let mut pins = Pins::default();
        pins.put(package.clone());
        pins.put(bare.clone());
        assert_eq!(pins.iter().collect::<Vec<_>>(), [&package]);
        pins.put(Pin { sha256: "cd".to_owned(), ..bare.clone() });
        assert_eq!(pins.iter().map(|pin| &*pin.sha256).collect::<Vec<_>>(), ["cd"]);
    }
}
