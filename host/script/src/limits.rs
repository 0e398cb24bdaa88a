//! What an expression or a rule may use. Rhai bounds nothing by itself, and its few defaults differ by build profile.

/// Operations of one evaluation.
pub const OPERATIONS_MAX: u64 = 100_000;
/// Nested function calls.
pub const CALL_LEVELS_MAX: usize = 32;
/// Nesting of an expression at the top of a script.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Nesting of an expression inside a function.
pub const FUNCTION_EXPRESSION_DEPTH_MAX: usize = 32;
/// Bytes of one text.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Elements of one list, those of lists inside it included.
pub const LIST_ELEMENTS_MAX: usize = 4 * 1024;
/// Entries of one map.
pub const MAP_ENTRIES_MAX: usize = 1024;
/// Modules that one script imports.
pub const MODULES_MAX: usize = 8;
/// Variables that are alive at once.
pub const VARIABLES_MAX: usize = 256;
/// Functions and closures of one script.
pub const FUNCTIONS_MAX: usize = 4 * 1024;
/// Provisioning rules of one job.
pub const RULES_MAX: usize = 4 * 1024;
/// Bytes of one rule file or expression.
pub const SOURCE_BYTES_MAX: usize = 1024 * 1024;
/// Lines of one rule file. Rhai's positions count to 65,535 and stay there.
pub const SOURCE_LINES_MAX: usize = 65_000;
/// Numbers that the longest extension can have: 15 digits.
pub const NUMBER_DIGITS_MAX: usize = 15;
/// Cases of one test file.
pub const TEST_CASES_MAX: usize = 10_000;
