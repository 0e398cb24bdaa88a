//! Which connectors are installed, whose keys are trusted and what is revoked; and the judgement whether a package is to be
//! believed, which is the same when it is installed and whenever it is run. Nothing here touches a file.

use std::collections::BTreeMap;

use rollcall_core::{Code, Diagnostic, codes};
use serde::{Deserialize, Serialize};

use crate::Package;
use crate::packing::signature::{PublicKey, Signature};
use crate::packing::version;
use crate::packing::{Bundle, digest};
use crate::pins::Pin;

/// What an operator has decided about connectors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The connectors, by name.
    #[serde(default)]
    pub connectors: BTreeMap<String, Installed>,
    /// Whose keys are trusted.
    #[serde(default)]
    pub publishers: Vec<Publisher>,
    /// Digests of packages or components (lower-case hexadecimal), and keys, that are never to be used again.
    #[serde(default)]
    pub revoked: Vec<String>,
}

/// A connector that is installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// Its version.
    pub version: String,
    /// The SHA-256 of the package, in lower-case hexadecimal.
    pub sha256: String,
    /// The key that it is signed with; none where it was accepted without.
    pub key: Option<String>,
    /// Where it was fetched from; none where it was a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// A publisher whose key is trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// Who it is, in the operator's words.
    pub name: String,
    /// The public key, as one line.
    pub key: String,
    /// The connectors that it may sign; empty: any.
    #[serde(default)]
    pub connectors: Vec<String>,
}

/// Who answers for a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The key that signed it; none where nobody that is trusted did, and that was accepted.
    pub key: Option<PublicKey>,
    /// The publisher of that key.
    pub publisher: Option<String>,
}

impl Register {
    /// Reads the register's text.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn parse(text: &str) -> Result<Self, Diagnostic> {
        let damaged = |why: String| {
            let message = format!("the register of connectors is damaged: {why}");
            Diagnostic::error(codes::STATE_UNUSABLE, message).hint("restore a backup of the state's folder")
        };
        let register: Self = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        // A revocation that nobody understands would hold nobody back.
        match register.revoked.iter().find(|text| !is_digest(text) && PublicKey::parse(text).is_err()) {
            Some(odd) => Err(damaged(format!("`{odd}` is neither a digest nor a key"))),
            None => Ok(register),
        }
    }

    /// Gives the register's text.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Trusts a key, for further connectors where it is trusted for some already. Gives what it is trusted for then.
    ///
    /// # Errors
    /// Where it is trusted for every connector already: to be so for a few is less, and not what this is for.
    pub fn trust(&mut self, mut publisher: Publisher) -> Result<Vec<String>, Diagnostic> {
        if let Some(known) = self.publishers.iter().find(|known| known.key == publisher.key)
            && !publisher.connectors.is_empty()
        {
            if known.connectors.is_empty() {
                let message = format!("`{}` is trusted for every connector already", known.name);
                let hint = "`rollcall connector trust remove KEY` first, to trust it for fewer";
                return Err(refused(codes::KEY_INVALID, message, hint));
            }
            publisher.connectors.extend(known.connectors.iter().cloned());
        }
        publisher.connectors.sort();
        publisher.connectors.dedup();
        let connectors = publisher.connectors.clone();
        self.publishers.retain(|known| known.key != publisher.key);
        self.publishers.push(publisher);
        self.publishers.sort_by(|one, other| (&one.name, &one.key).cmp(&(&other.name, &other.key)));
        Ok(connectors)
    }

    /// Gives the trusted keys with their publishers.
    pub fn keys(&self) -> impl Iterator<Item = (PublicKey, &Publisher)> {
        self.publishers.iter().filter_map(|one| Some((PublicKey::parse(&one.key).ok()?, one)))
    }

    /// Refuses bytes that a trusted key has signed otherwise. What no trusted key is named for is not judged here.
    ///
    /// # Errors
    /// Where the signature does not fit.
    pub fn untampered(&self, bytes: &[u8], signature: Option<&Signature>) -> Result<(), Diagnostic> {
        let Some(signature) = signature else { return Ok(()) };
        match self.keys().find(|(key, _)| signature.names(key)) {
            Some((key, publisher)) if self.signer(bytes, signature).is_none() => {
                let message =
                    format!("the package is not what `{}` signed with the key {}", publisher.name, key.id());
                Err(refused(
                    codes::PACKAGE_TAMPERED,
                    message,
                    "do not use it; fetch it and its signature again",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Gives the trusted key that made a signature. Whoever makes a key's file chooses its number, so that several keys may
    /// go by the one that the signature names.
    fn signer(&self, bytes: &[u8], signature: &Signature) -> Option<(PublicKey, &Publisher)> {
        self.keys().find(|(key, _)| signature.fits(key, bytes))
    }

    /// Refuses a component that is revoked, whatever package it came in, or in none.
    ///
    /// # Errors
    /// Where it is.
    pub fn not_revoked(&self, component: &Package) -> Result<(), Diagnostic> {
        let sha256 = component.digest_text();
        match self.revoked.contains(&sha256) {
            true => Err(revoked(&format!("the component sha256:{sha256}"), &component.manifest().name)),
            false => Ok(()),
        }
    }

    /// Judges a package. `accepted`: nobody that is trusted needs to have signed it.
    ///
    /// # Errors
    /// Where it or its key is revoked, it is not signed, its key is not trusted, or not for a connector of this name.
    pub fn judge(
        &self,
        bundle: &Bundle,
        signature: Option<&Signature>,
        accepted: bool,
    ) -> Result<Standing, Diagnostic> {
        self.untampered(bundle.bytes(), signature)?;
        let sha256 = bundle.digest();
        if self.revoked.contains(&sha256) {
            return Err(revoked(&format!("the package sha256:{sha256}"), bundle.name()));
        }
        self.not_revoked(bundle.package())?;
        let nobody = Standing { key: None, publisher: None };
        let name = bundle.name();
        let Some(signature) = signature else {
            let message = format!("the package of the connector `{name}` is not signed");
            let hint = "its signature stands beside it, in a file that ends with `.minisig`; \
                        `--allow-unsigned` takes it without";
            return if accepted { Ok(nobody) } else { Err(refused(codes::PACKAGE_UNSIGNED, message, hint)) };
        };
        let signer = self.signer(bundle.bytes(), signature);
        // Where nobody that is trusted has signed, the number that the signature names says who claims to have.
        let is_revoked = |key: &PublicKey| match &signer {
            Some((signer, _)) => signer.is(key),
            None => signature.names(key),
        };
        if self.revoked.iter().filter_map(|text| PublicKey::parse(text).ok()).any(|key| is_revoked(&key)) {
            return Err(revoked(&format!("the key {}", signature.id()), name));
        }
        match signer {
            Some((key, publisher))
                if publisher.connectors.is_empty() || publisher.connectors.iter().any(|one| one == name) =>
            {
                Ok(Standing { key: Some(key), publisher: Some(publisher.name.clone()) })
            }
            _ if accepted => Ok(nobody),
            Some((_, publisher)) => {
                let only = publisher.connectors.join(", ");
                let message =
                    format!("`{}` is trusted for {only} and not for the connector `{name}`", publisher.name);
                let hint =
                    format!("`rollcall connector trust add KEY --publisher NAME --for {name}` widens that");
                Err(refused(codes::PUBLISHER_UNKNOWN, message, &hint))
            }
            None => {
                let message = format!(
                    "the connector `{name}` is signed with the key {}, which is not trusted",
                    signature.id()
                );
                let hint = "`rollcall connector trust add KEY --publisher NAME` trusts its publisher";
                Err(refused(codes::PUBLISHER_UNKNOWN, message, hint))
            }
        }
    }

    /// Judges a package that is installed, as it was when it was installed and by what is trusted now.
    ///
    /// # Errors
    /// As [`Register::judge`], and where it is not the package that was installed.
    pub fn judge_installed(
        &self,
        installed: &Installed,
        bytes: Vec<u8>,
        signature: Option<&Signature>,
    ) -> Result<(Bundle, Standing), Vec<Diagnostic>> {
        let bundle = Bundle::read_if(bytes, |bytes| {
            if digest(bytes) == installed.sha256 {
                return self.untampered(bytes, signature);
            }
            let message = "the package is not the one that was installed".to_owned();
            Err(refused(codes::PACKAGE_TAMPERED, message, "find out who changed it, then install it again"))
        })?;
        let standing = self.judge(&bundle, signature, installed.key.is_none()).map_err(|why| vec![why])?;
        Ok((bundle, standing))
    }

    /// Refuses to go back, and to have two packages of one version.
    ///
    /// # Errors
    /// Where the package is older than the one that is installed, or another one of its version.
    pub fn newer(&self, bundle: &Bundle) -> Result<(), Diagnostic> {
        let Some(installed) = self.connectors.get(bundle.name()) else { return Ok(()) };
        let (name, new) = (bundle.name(), bundle.version());
        let message = match version::parse(&installed.version).zip(version::parse(new)) {
            Some((old, new)) if new < old => {
                format!("the connector `{name}` is installed as {old}, and this is {new}, which is older")
            }
            Some((old, new)) if new == old && bundle.digest() != installed.sha256 => {
                format!("another package of the connector `{name}` {old} is installed")
            }
            _ => return Ok(()),
        };
        Err(refused(codes::PACKAGE_OLDER, message, "`--allow-downgrade` takes it all the same"))
    }
}

/// Says whether a text is a SHA-256 in lower-case hexadecimal.
pub fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Says that something of a connector is revoked.
fn revoked(what: &str, name: &str) -> Diagnostic {
    let message = format!("{what} of the connector `{name}` is revoked");
    refused(
        codes::PACKAGE_REVOKED,
        message,
        "ask its publisher for another one; a revocation is not taken back",
    )
}

impl Installed {
    /// Gives what `rollcall.lock` has of it. `component`: what is in its package.
    pub fn pin(&self, component: &Package) -> Pin {
        Pin {
            name: component.manifest().name.clone(),
            version: self.version.clone(),
            sha256: self.sha256.clone(),
            key: self.key.clone(),
            origin: self.origin.clone(),
            component: Some(component.digest_text()),
        }
    }

    /// Gives the names of the two files that it stands in: package and signature.
    pub fn files(&self) -> [String; 2] {
        let package = format!("{}.{}", self.sha256, crate::packing::ENDING);
        let signature = format!("{package}.{}", crate::packing::signature::ENDING);
        [package, signature]
    }
}

fn refused(code: Code, message: String, hint: &str) -> Diagnostic {
    Diagnostic::error(code, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::packing::signature::SecretKey;

    /// Gives a key under the number of another one.
    fn under_the_number_of(key: &PublicKey, other: &PublicKey) -> PublicKey {
        let (mut bytes, number) =
            (STANDARD.decode(key.to_string()).unwrap(), STANDARD.decode(other.to_string()).unwrap());
        bytes[2..10].copy_from_slice(&number[2..10]);
        PublicKey::parse(&STANDARD.encode(bytes)).unwrap()
    }

    fn publisher(name: &str, key: &PublicKey, connectors: &[&str]) -> Publisher {
        let connectors = connectors.iter().map(|one| (*one).to_owned()).collect();
        Publisher { name: name.to_owned(), key: key.to_string(), connectors }
    }

    #[test]
    fn of_several_keys_with_one_number_the_one_that_signed_counts() {
        let (acme, _) = SecretKey::draw().unwrap();
        let (other, _) = SecretKey::draw().unwrap();
        let twin = under_the_number_of(&other.public(), &acme.public());
        assert_eq!(twin.id(), acme.public().id());
        let signature = Signature::parse(&acme.sign(b"package", "roster")).unwrap();
        for names in [["A", "B"], ["B", "A"]] {
            let mut register = Register::default();
            register.trust(publisher(names[0], &acme.public(), &[])).unwrap();
            register.trust(publisher(names[1], &twin, &[])).unwrap();
            register.untampered(b"package", Some(&signature)).unwrap();
            let (signer, by) = register.signer(b"package", &signature).unwrap();
            assert!(signer.is(&acme.public()) && by.name == names[0]);
            let refused = register.untampered(b"other", Some(&signature)).unwrap_err();
            assert_eq!(refused.code, codes::PACKAGE_TAMPERED);
        }
        // The number alone is nobody's word.
        let mut register = Register::default();
        register.trust(publisher("B", &twin, &[])).unwrap();
        assert!(register.signer(b"package", &signature).is_none());
        assert!(register.untampered(b"package", Some(&signature)).is_err());
    }

    #[test]
    fn trust_widens_and_never_narrows() {
        let key = SecretKey::draw().unwrap().0.public();
        let mut register = Register::default();
        let mut trust = |connectors: &[&str]| register.trust(publisher("A", &key, connectors));
        assert_eq!(trust(&["roster"]).unwrap(), ["roster"]);
        assert_eq!(trust(&["hr", "roster"]).unwrap(), ["hr", "roster"]);
        assert_eq!(trust(&[]).unwrap(), Vec::<String>::new());
        let refused = trust(&["hr"]).unwrap_err();
        assert!(refused.message.contains("every connector already") && refused.hint.is_some(), "{refused:?}");
        assert_eq!(register.publishers.len(), 1);
    }
}
