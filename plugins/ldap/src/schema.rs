//! The directory's schema: which attributes there are, as its subschema entry says (RFC 4512, 4.2).

use std::collections::BTreeMap;

use rollcall_connector::{AttributeInfo, Kind, attribute};

/// Attributes that the connector itself makes.
pub(crate) const OWN: [(&str, Kind, &str); 4] = [
    ("id", Kind::Text, "The immutable id: objectGUID in Active Directory, entryUUID elsewhere."),
    ("dn", Kind::Text, "The distinguished name; changes when the user is moved or renamed."),
    ("groups", Kind::Text, "The names of the groups that the user is a direct member of."),
    ("accountEnabled", Kind::Boolean, "Whether the account is neither disabled nor expired."),
];

/// Attributes that nobody has a use for who makes telephones: passwords, and what they can be guessed from. An
/// administrator may read some of them, and a survey would show them.
const SECRETS: [&str; 15] = [
    "userpassword",
    "unicodepwd",
    "authpassword",
    "dbcspwd",
    "lmpwdhistory",
    "ntpwdhistory",
    "pwdhistory",
    "sambalmpassword",
    "sambantpassword",
    "sambapasswordhistory",
    "unixuserpassword",
    "ms-mcs-admpwd",
    "ipanthash",
    "krbprincipalkey",
    "supplementalcredentials",
];

/// Tells whether an attribute is never read.
pub(crate) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name.to_ascii_lowercase().as_str())
}

/// Tells whether an attribute is made by the connector.
pub(crate) fn is_own(name: &str) -> bool {
    OWN.iter().any(|(own, ..)| *own == name)
}

/// What is known of one attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    name: String,
    about: String,
    single: bool,
    operational: bool,
    syntax: Option<String>,
    above: Option<String>,
}

/// The attributes of a directory, by their lower-case names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema(BTreeMap<String, Known>);

impl Schema {
    /// Reads the values of `attributeTypes`; what cannot be read is passed over.
    pub(crate) fn read<'a>(definitions: impl Iterator<Item = &'a str>) -> Self {
        let known = definitions.filter_map(known).map(|known| (known.name.to_ascii_lowercase(), known));
        Self(known.filter(|(name, _)| !is_secret(name)).collect())
    }

    /// Gives what an attribute holds; text where it is not known.
    pub(crate) fn kind(&self, name: &str) -> Kind {
        if crate::values::is_identifier(name) {
            return Kind::Text;
        }
        match self.syntax(name, 0) {
            Some("1.3.6.1.4.1.1466.115.121.1.7") => Kind::Boolean,
            // The last is Active Directory's 64-bit number.
            Some("1.3.6.1.4.1.1466.115.121.1.27" | "1.2.840.113556.1.4.906") => Kind::Integer,
            // Bytes, certificates, pictures; the last is Active Directory's.
            Some(
                "1.3.6.1.4.1.1466.115.121.1.40"
                | "1.3.6.1.4.1.1466.115.121.1.5"
                | "1.3.6.1.4.1.1466.115.121.1.8"
                | "1.3.6.1.4.1.1466.115.121.1.28"
                | "1.2.840.113556.1.4.907",
            ) => Kind::Bytes,
            _ => Kind::Text,
        }
    }

    fn syntax(&self, name: &str, depth: usize) -> Option<&str> {
        let known = self.0.get(&name.to_ascii_lowercase())?;
        match &known.syntax {
            Some(syntax) => Some(syntax),
            // Inherited; a chain that is longer than this is a circle.
            None if depth < 20 => self.syntax(known.above.as_deref()?, depth + 1),
            None => None,
        }
    }

    /// Gives everything that users can have, what the connector makes included; `asked` is believed where the directory
    /// shows no schema.
    pub(crate) fn attributes(&self, asked: &[String]) -> Vec<AttributeInfo> {
        let mut all: Vec<AttributeInfo> =
            OWN.iter().map(|(name, kind, about)| attribute(name, *kind, about)).collect();
        all[2].many = true;
        for known in self.0.values().filter(|known| !is_own(&known.name)) {
            let info = attribute(&known.name, self.kind(&known.name), &known.about);
            all.push(AttributeInfo { many: !known.single, ..info });
        }
        if self.0.is_empty() {
            let believed = asked.iter().filter(|name| !is_own(name) && !is_secret(name));
            all.extend(believed.map(|name| attribute(name, Kind::Text, "The directory shows no schema.")));
        }
        all
    }

    /// Tells whether a server gives an attribute only where it is asked for by name.
    pub(crate) fn is_operational(&self, name: &str) -> bool {
        self.0.get(&name.to_ascii_lowercase()).is_some_and(|known| known.operational)
    }
}

/// Reads `( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC '…' SUP name SYNTAX … SINGLE-VALUE USAGE … )`.
fn known(definition: &str) -> Option<Known> {
    let words = words(definition);
    let mut known = Known {
        name: String::new(),
        about: String::new(),
        single: false,
        operational: false,
        syntax: None,
        above: None,
    };
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "NAME" => {
                let first = rest.next()?;
                // Of several names the first is the one that servers write.
                known.name = if first == "(" { rest.next()?.clone() } else { first.clone() };
            }
            "DESC" => known.about.clone_from(rest.next()?),
            "SUP" => known.above = rest.next().cloned(),
            "SYNTAX" => known.syntax = rest.next().and_then(|word| word.split('{').next()).map(str::to_owned),
            "SINGLE-VALUE" => known.single = true,
            "USAGE" => known.operational = rest.next().is_some_and(|usage| usage != "userApplications"),
            _ => {}
        }
    }
    (!known.name.is_empty()).then_some(known)
}

/// Splits a definition; what stands in quotes is one word.
fn words(definition: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, piece) in definition.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(piece.to_owned());
        } else {
            words.extend(piece.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read() {
        let schema = Schema::read(
            [
                "( 2.5.4.41 NAME 'name' DESC 'RFC4519: common supertype' SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
                "( 2.5.4.3 NAME ( 'cn' 'commonName' ) DESC 'the NAME of it' SUP name )",
                "( 1.1.1 NAME 'jpegPhoto' SYNTAX 1.3.6.1.4.1.1466.115.121.1.28 )",
                "( 1.1.2 NAME 'active' SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )",
                "( 1.2.840.113556.1.4.159 NAME 'accountExpires' SYNTAX '1.2.840.113556.1.4.906' SINGLE-VALUE )",
                "( 1.2.840.113556.1.4.2 NAME 'objectGUID' SYNTAX '1.3.6.1.4.1.1466.115.121.1.40' SINGLE-VALUE NO-USER-MODIFICATION )",
                "( 1.3.6.1.1.16.4 NAME 'entryUUID' SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE USAGE directoryOperation )",
                "( 1.1.3 NAME 'loop' SUP loop )",
                "( 2.5.4.35 NAME 'userPassword' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )",
                "rubbish",
            ]
            .into_iter(),
        );
        let all = schema.attributes(&["ignored".to_owned()]);
        let check = |name: &str, kind: Kind, many: bool| {
            let found = all.iter().find(|info| info.name == name).unwrap();
            assert_eq!((found.kind, found.many), (kind, many), "{name}");
        };
        check("cn", Kind::Text, true);
        check("jpegPhoto", Kind::Bytes, true);
        check("active", Kind::Boolean, false);
        check("accountExpires", Kind::Integer, false);
        check("objectGUID", Kind::Text, false);
        check("loop", Kind::Text, true);
        check("groups", Kind::Text, true);
        check("accountEnabled", Kind::Boolean, false);
        assert_eq!(all.len(), 4 + 8);
        assert!(schema.is_operational("entryuuid") && !schema.is_operational("cn"));
        assert!(!all.iter().any(|info| info.name == "userPassword"));
        assert!(all.iter().any(|info| info.name == "cn" && info.about == "the NAME of it"));
    }

    #[test]
    fn without_a_schema_what_was_asked_for_is_believed() {
        let all = Schema::default().attributes(&["mail".to_owned(), "dn".to_owned()]);
        assert_eq!(all.len(), 5);
    }
}
