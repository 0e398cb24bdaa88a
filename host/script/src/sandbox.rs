//! The one place that builds a Rhai engine: chosen packages, every limit set, nothing that reaches outside.
//!
//! Left out on purpose: the core language package (`sleep`, `exit`, `parse_json`, reflection), the time package, any
//! module resolver that reads files. `print` and `debug` go nowhere. Strict variables are stricter here than Rhai's:
//! [`crate::walk`] checks every name of a script, closures included, and reports all of them at once, so that Rhai's
//! own check, which ends at the first, stays off.

use rhai::module_resolvers::StaticModuleResolver;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicBlobPackage, BasicFnPackage, BasicIteratorPackage,
    BasicMapPackage, BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Engine, OptimizationLevel};

use crate::input::{self, User};
use crate::{absent, library, limits};

/// Builds an engine that knows the library, `user` and `phone`.
pub(crate) fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    packages(&mut engine);
    limit(&mut engine);
    engine.disable_symbol("eval");
    engine.on_print(|_| {});
    engine.on_debug(|_, _, _| {});
    absent::register(&mut engine);
    input::register(&mut engine);
    let mut resolver = StaticModuleResolver::new();
    for (name, module) in library::modules() {
        engine.register_static_module(name, module.clone().into());
        resolver.insert(name, module);
    }
    engine.set_module_resolver(resolver);
    attributes(&mut engine);
    engine
}

fn packages(engine: &mut Engine) {
    ArithmeticPackage::new().register_into_engine(engine);
    BasicStringPackage::new().register_into_engine(engine);
    BasicIteratorPackage::new().register_into_engine(engine);
    BasicFnPackage::new().register_into_engine(engine);
    LogicPackage::new().register_into_engine(engine);
    BasicMathPackage::new().register_into_engine(engine);
    BasicArrayPackage::new().register_into_engine(engine);
    BasicBlobPackage::new().register_into_engine(engine);
    BasicMapPackage::new().register_into_engine(engine);
    MoreStringPackage::new().register_into_engine(engine);
}

fn limit(engine: &mut Engine) {
    engine
        .set_max_operations(limits::OPERATIONS_MAX)
        .set_max_call_levels(limits::CALL_LEVELS_MAX)
        .set_max_expr_depths(limits::EXPRESSION_DEPTH_MAX, limits::FUNCTION_EXPRESSION_DEPTH_MAX)
        .set_max_string_size(limits::TEXT_BYTES_MAX)
        .set_max_array_size(limits::LIST_ELEMENTS_MAX)
        .set_max_map_size(limits::MAP_ENTRIES_MAX)
        .set_max_modules(limits::MODULES_MAX)
        .set_max_variables(limits::VARIABLES_MAX)
        .set_max_functions(limits::FUNCTIONS_MAX)
        .set_strict_variables(false)
        .set_fail_on_invalid_map_property(false)
        // Rhai's built-in operators come before ours otherwise, and make `"x"` of `() + "x"`.
        .set_fast_operators(false)
        .set_optimization_level(OptimizationLevel::None);
}

/// Makes bare names attributes of the `user` that the scope holds.
fn attributes(engine: &mut Engine) {
    #[expect(
        deprecated,
        reason = "not deprecated: Rhai marks what may still change in this way, and 1.27 is pinned"
    )]
    engine.on_var(|name, _, context| {
        let scope = context.scope();
        if name == "user" || scope.contains(name) {
            return Ok(None);
        }
        Ok(scope.get("user").and_then(|user| user.read_lock::<User>()).map(|user| user.get(name)))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(script: &str) -> String {
        match engine().eval::<rhai::Dynamic>(script) {
            Ok(value) => panic!("{script} gave {value}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn work_is_bounded() {
        assert!(fails("loop { }").contains("operations"));
        assert!(fails("let x = \"ab\"; loop { x += x; }").contains("too large"));
        assert!(fails("let x = []; loop { x.push(1); }").contains("too large"));
        // Rhai does not measure a map that grows key by key; operations bound it.
        assert!(fails("let x = #{}; for i in 0..99999 { x[`k${i}`] = 1; }").contains("operations"));
        assert!(fails("fn f(x) { f(x + 1) } f(0)").contains("overflow"));
        assert!(fails(&format!("{}1{}", "(".repeat(3000), ")".repeat(3000))).contains("complexity"));
    }

    #[test]
    fn nothing_reaches_outside() {
        for script in [
            "eval(\"1\")",
            "timestamp()",
            "sleep(1)",
            "rand()",
            "import \"/etc/passwd\" as x;",
            "parse_json(\"1\")",
        ] {
            fails(script);
        }
    }

    #[test]
    fn absent_values_pass_through() {
        let engine = engine();
        for script in [
            "().to_upper()",
            "().trim()",
            "() + \"x\"",
            "\"x\" + ()",
            "().replace(\"a\", \"b\")",
            "().split(\",\")",
            "().sub_string(0, 2)",
            "().sub_string(1)",
            "().len()",
            "() + ()",
            "().map(|x| x)",
        ] {
            let value = engine.eval::<rhai::Dynamic>(script).unwrap();
            assert!(value.is_unit(), "{script} gave {value}");
        }
        for script in [
            "().contains(\"a\")",
            "().starts_with(\"a\")",
            "\"a\".ends_with(())",
            "\"a\" in ()",
            "() == \"a\"",
        ] {
            assert!(!engine.eval::<bool>(script).unwrap(), "{script}");
        }
    }

    #[test]
    fn text_functions_answer() {
        let engine = engine();
        for (script, expect) in [
            ("\" a \".trim()", "a"),
            ("\"a-b\".replace(\"-\", \"+\")", "a+b"),
            ("let x = \"a-b\"; x.replace('-', '+'); x", "a+b"),
            ("\"abcdef\".truncate(2)", "ab"),
            ("\"abcdef\".crop(-2)", "ef"),
            ("\"7\".pad(3, '0')", "700"),
            ("const X = \" a \"; X.trim()", "a"),
        ] {
            assert_eq!(engine.eval::<String>(script).unwrap(), expect, "{script}");
        }
    }
}
