//! Small things about text that Rhai's own functions do not do, or do to a variable only.

use rhai::{Dynamic, ImmutableString, Map, Module};

use super::{Answer, fail, one, text_argument, texts, three, two};

pub(super) fn module() -> Module {
    let mut module = Module::new();
    two(&mut module, "lookup", lookup);
    one(&mut module, "first", first);
    two(&mut module, "split", split);
    three(&mut module, "replace", replace);
    module
}

fn lookup(value: &Dynamic, map: &Dynamic) -> Answer {
    let Some(map) = map.read_lock::<Map>() else {
        let found = crate::failure::thing(map);
        return fail(format!("`text::lookup` takes a map `#{{ \"from\": \"to\" }}`, not {found}"));
    };
    let all = texts("text::lookup", value)?;
    Ok(all.iter().find_map(|text| map.get(text.trim())).cloned().unwrap_or(Dynamic::UNIT))
}

fn first(value: &Dynamic) -> Answer {
    let all = texts("text::first", value)?;
    Ok(all.into_iter().find(|text| !text.trim().is_empty()).map_or(Dynamic::UNIT, of))
}

fn split(value: &Dynamic, by: &Dynamic) -> Answer {
    if value.is_unit() {
        return Ok(Dynamic::UNIT);
    }
    let by = text_argument("text::split", by)?;
    if by.is_empty() {
        return fail("`text::split` cannot split at an empty text");
    }
    let all = texts("text::split", value)?;
    Ok(Dynamic::from_array(all.iter().flat_map(|text| text.split(by.as_str())).map(of).collect()))
}

fn replace(value: &Dynamic, from: &Dynamic, to: &Dynamic) -> Answer {
    if value.is_unit() {
        return Ok(Dynamic::UNIT);
    }
    let (from, to) = (text_argument("text::replace", from)?, text_argument("text::replace", to)?);
    let all = texts("text::replace", value)?;
    let mut all: Vec<Dynamic> =
        all.iter().map(|text| of(crate::absent::replaced(text, &from, &to))).collect();
    match all.pop() {
        Some(only) if all.is_empty() && !value.is_array() => Ok(only),
        last => {
            all.extend(last);
            Ok(Dynamic::from_array(all))
        }
    }
}

fn of(text: impl Into<ImmutableString>) -> Dynamic {
    Dynamic::from(text.into())
}
