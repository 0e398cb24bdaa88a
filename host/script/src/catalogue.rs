//! Which functions exist. Rhai finds an unknown one only when it is called; `check` must know before.

use std::collections::{BTreeMap, BTreeSet};

use rhai::Engine;

/// What Rhai itself understands although no package registers it, with the numbers of arguments.
const BUILT_IN: [(&str, &[usize]); 10] = [
    ("print", &[0, 1]),
    ("debug", &[0, 1]),
    ("type_of", &[1]),
    ("Fn", &[1]),
    ("is_shared", &[1]),
    ("is_def_var", &[1]),
    ("is_def_fn", &[2, 3]),
    ("to_string", &[1]),
    ("to_debug", &[1]),
    ("curry", &[2, 3, 4, 5, 6]),
];

/// The known functions by namespace and name, with their numbers of arguments.
#[derive(Debug, Default)]
pub(crate) struct Catalogue(BTreeMap<(String, String), BTreeSet<usize>>);

/// Why a function cannot be called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// No function of that name; perhaps this one was meant.
    Name(Option<String>),
    /// It takes other numbers of arguments.
    Arguments(Vec<usize>),
}

impl Catalogue {
    /// Lists an engine's functions.
    pub(crate) fn of(engine: &Engine) -> Self {
        let mut catalogue = Self::default();
        let all = engine.collect_fn_metadata(
            None,
            |info| {
                Some((info.namespace.to_string(), info.metadata.name.to_string(), info.metadata.num_params))
            },
            true,
        );
        for (namespace, name, arguments) in all {
            if rhai::is_valid_identifier(&name) {
                catalogue.add(&namespace, &name, arguments);
            }
        }
        for (name, counts) in BUILT_IN {
            for count in counts {
                catalogue.add("", name, *count);
            }
        }
        catalogue
    }

    /// Adds a function.
    pub(crate) fn add(&mut self, namespace: &str, name: &str, arguments: usize) {
        self.0.entry((namespace.into(), name.into())).or_default().insert(arguments);
    }

    /// Tells whether a module of that name is always there.
    pub(crate) fn module(&self, namespace: &str) -> bool {
        self.0.keys().any(|(known, _)| known == namespace)
    }

    /// Checks a call. `call` takes any arguments: what it calls is a value.
    pub(crate) fn check(&self, namespace: &str, name: &str, arguments: usize) -> Result<(), Unknown> {
        if namespace.is_empty() && name == "call" {
            return Ok(());
        }
        match self.0.get(&(namespace.to_owned(), name.to_owned())) {
            Some(counts) if counts.contains(&arguments) => Ok(()),
            Some(counts) => Err(Unknown::Arguments(counts.iter().copied().collect())),
            None => Err(Unknown::Name(self.meant(namespace, name))),
        }
    }

    /// The function that was probably meant: of the same module, else of any module by its exact name.
    fn meant(&self, namespace: &str, name: &str) -> Option<String> {
        let same = self.0.keys().filter(|(known, _)| known == namespace).map(|(_, name)| name.as_str());
        if let Some(near) = nearest(name, same) {
            return Some(full(namespace, near));
        }
        let elsewhere = self.0.keys().find(|(known, other)| known != namespace && other == name);
        elsewhere.map(|(known, name)| full(known, name)).or_else(|| {
            let all = self.0.keys().filter(|(known, _)| !known.is_empty()).map(|(_, name)| name.as_str());
            let near = nearest(name, all)?;
            self.0
                .keys()
                .find(|(known, name)| !known.is_empty() && name == near)
                .map(|(known, name)| full(known, name))
        })
    }
}

fn full(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}::{name}") }
}

/// Gives the name that is most like `wrong`, if any is like it enough to be worth a question.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (wrong.chars().count() / 3).clamp(1, 3);
    let folded = wrong.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= most && *name != wrong)
        .min()
        .map(|(_, name)| name)
}
