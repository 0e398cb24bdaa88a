//! Small things about text that Rhai's own functions do not do, or do to a variable only.

use rhai::{Array, Dynamic, ImmutableString, Map, Module};

use super::{Answer, fail, texts};

pub(super) fn module() -> Module {
    let mut module = Module::new();
    module.set_native_fn("lookup", |value: Dynamic, map: Map| -> Answer {
        let all = texts("text::lookup", &value)?;
        Ok(all.iter().find_map(|text| map.get(text.trim())).cloned().unwrap_or(Dynamic::UNIT))
    });
    module.set_native_fn("first", |value: Dynamic| -> Answer {
        let all = texts("text::first", &value)?;
        Ok(all.into_iter().find(|text| !text.trim().is_empty()).map_or(Dynamic::UNIT, of))
    });
    module.set_native_fn("split", |value: Dynamic, by: ImmutableString| -> Answer {
        if value.is_unit() {
            return Ok(value);
        }
        if by.is_empty() {
            return fail("`text::split` cannot split at an empty text");
        }
        let all = texts("text::split", &value)?;
        let parts: Array = all.iter().flat_map(|text| text.split(by.as_str())).map(of).collect();
        Ok(Dynamic::from_array(parts))
    });
    module.set_native_fn("replace", |value: Dynamic, from: ImmutableString, to: ImmutableString| -> Answer {
        if value.is_unit() {
            return Ok(value);
        }
        let all = texts("text::replace", &value)?;
        let mut all: Vec<Dynamic> =
            all.iter().map(|text| of(crate::absent::replaced(text, &from, &to))).collect();
        match all.pop() {
            Some(one) if all.is_empty() && !value.is_array() => Ok(one),
            last => {
                all.extend(last);
                Ok(Dynamic::from_array(all))
            }
        }
    });
    module
}

fn of(text: impl Into<ImmutableString>) -> Dynamic {
    Dynamic::from(text.into())
}
