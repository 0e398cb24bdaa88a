//! The attributes that expressions name, against those that the directory has.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::{Diagnostic, Place, Text, codes};
use rollcall_edges::directory::Attributes;

/// The attributes that fields and rules name, each with its places.
pub type References = BTreeMap<Text, Vec<Place>>;

/// How alike two names must be for a did-you-mean, from 0 to 1.
const ALIKE_LEAST: f64 = 0.75;

/// How many attributes a hint lists in full.
const LISTED_MOST: usize = 16;

/// Gives an error for each name that no directory has, where all of their schemas are closed. What one of several
/// directories lacks is `()` for its users.
pub fn check(references: &References, directories: &[Attributes]) -> Vec<Diagnostic> {
    // A directory that describes nothing at all, such as an export of nobody, says nothing against a name either.
    if directories.iter().any(|attributes| attributes.open || attributes.known.is_empty()) {
        return Vec::new();
    }
    let names: BTreeSet<&Text> =
        directories.iter().flat_map(|one| &one.known).map(|known| &known.name).collect();
    let names: Vec<&str> = names.into_iter().map(|name| &**name).collect();
    let whose =
        if directories.len() == 1 { "the directory has no" } else { "no directory of the job has an" };
    let mut wrong = Vec::new();
    for (name, places) in references {
        if names.contains(&&**name) {
            continue;
        }
        let near = names
            .iter()
            .map(|known| (strsim::jaro_winkler(&known.to_lowercase(), &name.to_lowercase()), known))
            .filter(|(alike, _)| *alike >= ALIKE_LEAST)
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)));
        let near = near.map(|(_, near)| format!("did you mean `{near}`? ")).unwrap_or_default();
        let all = match names.len() {
            ..=LISTED_MOST => format!("there is {}", names.join(", ")),
            _ => "`rollcall fields JOB` lists the attributes".to_owned(),
        };
        let hint = format!("{near}{all}");
        for place in places {
            let message = format!("{whose} attribute `{name}`");
            wrong.push(
                Diagnostic::error(codes::ATTRIBUTE_UNKNOWN, message).hint(hint.clone()).at(place.clone()),
            );
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use rollcall_edges::directory::AttributeInfo;

    use super::*;

    #[test]
    fn a_closed_schema_names_the_nearest_attribute() {
        let info = |name: &str| AttributeInfo {
            name: name.into(),
            kind: "text".into(),
            many: false,
            about: String::new(),
        };
        let many = (0..20).map(|n| info(&format!("extensionAttribute{n}")));
        let known = [info("displayName"), info("mail")].into_iter().chain(many).collect();
        let attributes = Attributes { known, open: false };
        let references: References = [("dispalyName".into(), vec![Place::Nowhere])].into();
        let hint = |attributes: &Attributes| {
            check(&references, std::slice::from_ref(attributes)).remove(0).hint.unwrap_or_default()
        };
        assert_eq!(
            hint(&attributes),
            "did you mean `displayName`? `rollcall fields JOB` lists the attributes"
        );
        let few = Attributes { known: attributes.known[..2].to_vec(), open: false };
        assert_eq!(hint(&few), "did you mean `displayName`? there is displayName, mail");
        let others = Attributes { known: attributes.known[1..2].to_vec(), open: false };
        assert_eq!(hint(&others), "there is mail");
        let open = Attributes { open: true, ..attributes.clone() };
        assert!(check(&references, &[open, attributes.clone()]).is_empty());
        assert!(check(&references, &[Attributes::default(), attributes]).is_empty(), "nothing is described");
    }
}
