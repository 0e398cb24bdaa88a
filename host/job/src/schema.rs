//! The job file as a JSON Schema, for editors: `rollcall schema job`. Written by hand, because what an editor shows
//! should be the contract's words; a test holds its keys against the parser's.

use rollcall_core::Field;
use serde_json::{Map, Value, json};

/// Gives the schema (draft-07) of a job file. Tables that later versions bring are in it, so that an editor knows them;
/// reading them says that they are not there yet.
pub fn schema() -> Value {
    let mut root = object(&[
        ("include", texts("Files that are merged into this one; a key in two of them is an error.")),
        ("name", text("Configuration name. It identifies the job; a changed name is a new job.")),
        ("directory", directory()),
        ("phone_system", phone_system()),
        ("fields", fields()),
        ("rules", rules()),
        ("numbers", numbers()),
        ("synchronize", synchronize()),
        ("leavers", leavers()),
        ("adopt", adopt()),
        ("guard", guard()),
        ("schedule", schedule()),
        ("notify", notify()),
        ("handover", handover()),
    ]);
    if let Some(map) = root.as_object_mut() {
        map.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        map.insert("title".into(), json!("rollcall job"));
        map.insert("required".into(), json!(["name", "directory", "phone_system", "fields"]));
        map.insert(
            "definitions".into(),
            json!({ "credential": credential(), "limit": limit(), "field": field() }),
        );
    }
    root
}

fn object(properties: &[(&str, Value)]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn described(mut value: Value, about: &str) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.insert("description".into(), json!(about));
    }
    value
}

fn required(mut value: Value, keys: &[&str]) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.insert("required".into(), json!(keys));
    }
    value
}

fn text(about: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "description": about })
}

fn texts(about: &str) -> Value {
    json!({ "type": "array", "items": { "type": "string", "minLength": 1 }, "description": about })
}

fn tick(about: &str) -> Value {
    json!({ "type": "boolean", "default": false, "description": about })
}

fn choice(choices: &[&str], default: &str, about: &str) -> Value {
    json!({ "enum": choices, "default": default, "description": about })
}

fn duration(default: &str, about: &str) -> Value {
    json!({ "type": "string", "pattern": "^[0-9]+[dhms]$", "default": default, "description": about })
}

/// A reference to a definition with a description; draft-07 ignores what stands beside a `$ref`, hence `allOf`.
fn refer(definition: &str, about: &str) -> Value {
    json!({ "allOf": [{ "$ref": format!("#/definitions/{definition}") }], "description": about })
}

fn credential() -> Value {
    let kinds = object(&[
        ("env", text("The name of an environment variable.")),
        ("file", text("A file; one line break at its end is dropped.")),
        ("command", texts("A program and its arguments; its standard output is the credential.")),
        ("systemd", text("The name of a systemd credential (`LoadCredential=`).")),
        ("keyring", text("The name of a secret in the desktop's keyring.")),
        ("expires", text("The day on which it expires, `2027-05-01`.")),
    ]);
    let mut value = described(kinds, "Where a credential is; never the credential itself.");
    if let Some(map) = value.as_object_mut() {
        let one = ["env", "file", "command", "systemd", "keyring"].map(|key| json!({ "required": [key] }));
        map.insert("oneOf".into(), json!(one));
    }
    value
}

fn limit() -> Value {
    json!({ "oneOf": [
        { "type": "integer", "minimum": 0 },
        { "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)? *%$" },
    ] })
}

fn field() -> Value {
    let table = object(&[
        ("value", text("The Rhai expression.")),
        (
            "on_update",
            choice(&["always", "once", "never"], "always", "When an existing user's value follows."),
        ),
        ("when_empty", choice(&["clear", "keep"], "clear", "What an update does where there is no value.")),
        (
            "random",
            json!({ "type": "integer", "minimum": 1, "maximum": 31,
            "description": "Instead of an expression: how many digits a random login code (4-15) or voicemail code (1-31) has." }),
        ),
    ]);
    json!({ "oneOf": [{ "type": "string", "minLength": 1 }, table] })
}

fn directory() -> Value {
    let grants = object(&[
        (
            "http",
            texts("`[METHOD ]scheme://host[:port][/path]`; GET and HEAD unless a method stands in front."),
        ),
        ("ldap", texts("LDAP servers, `ldaps://host[:port]`.")),
        ("files", texts("Folders that may be read.")),
        (
            "addresses",
            texts(
                "Private networks that a granted name may resolve to, as `10.1.0.0/16`, or single addresses.",
            ),
        ),
    ]);
    let network = object(&[
        ("proxy", text("`http://host:port`; none by default.")),
        ("ca_file", text("PEM file of authorities to trust besides the machine's.")),
    ]);
    let credentials = json!({
        "type": "object",
        "additionalProperties": { "$ref": "#/definitions/credential" },
        "description": "The connector's credentials by name, as references.",
    });
    let limits = json!({
        "type": "object",
        "additionalProperties": { "type": "integer", "minimum": 1 },
        "description": "Overrides of the connector's limits.",
    });
    let settings =
        json!({ "type": "object", "description": "The connector's settings; its manifest checks them." });
    let table = object(&[
        ("name", text("The directory's name within the job; the connector's by default.")),
        ("connector", text("A bundled or installed name, or the path of a .wasm package.")),
        (
            "precedence",
            json!({ "type": "integer", "minimum": 1, "description": "Whose users win where two directories have the same user identification: those of the lower number." }),
        ),
        (
            "full_every",
            text(
                "How often everything is read, where the connector can give what changed; `24h` by default.",
            ),
        ),
        ("recording", text("Replays recorded directory traffic instead of the network.")),
        ("settings", settings),
        ("credentials", credentials),
        ("grants", described(grants, "What the connector may reach besides what its settings name.")),
        ("limits", limits),
        ("network", described(network, "How the directory's servers are reached.")),
    ]);
    let one = described(required(table, &["connector"]), "Connect to Directory Service.");
    json!({ "oneOf": [one, { "type": "array", "items": one, "minItems": 1, "description": "Several directories, each with a `name`." }] })
}

fn phone_system() -> Value {
    let credentials =
        required(object(&[("password", refer("credential", "The service user's password."))]), &["password"]);
    let table = object(&[
        ("kind", choice(&["embedded", "ip-office"], "embedded", "An office in a file, or a real IP Office.")),
        ("path", text("The embedded office's file; the first sync makes it.")),
        ("address", text("Host name or address of the primary.")),
        (
            "port",
            json!({ "type": "integer", "minimum": 1, "maximum": 65535, "default": 7070,
            "description": "The port of the Management API." }),
        ),
        ("username", text("The service user.")),
        ("credentials", described(credentials, "The service user's credentials, as references.")),
        ("certificate_sha256", text("Fingerprint of the certificate; `rollcall test-connection` prints it.")),
        ("ca_file", text("PEM file of the authority that signed the certificate.")),
        ("templates", texts("Template files: TOML as in an office file, or Web Manager's XML.")),
        ("settle", duration("120s", "How long a write whose answer was lost is looked for.")),
        (
            "timeout",
            duration("60s", "How long one call may take; absent, 60 s for a write and 120 s for a read."),
        ),
        (
            "at_once",
            json!({ "type": "integer", "minimum": 1, "maximum": 8, "default": 1,
            "description": "How many users may be made or deleted at once." }),
        ),
    ]);
    described(table, "The phone system.")
}

fn fields() -> Value {
    let about = |field: Field| match field {
        Field::UserIdentification => "Mandatory and unique: what ties a directory user to a phone user.",
        Field::Name => "Mandatory, unique in the network, 1-15 characters.",
        Field::FullName => "Shown on telephones and in the directory.",
        Field::Email => "The voicemail e-mail address.",
        Field::Extension => "The extension number, 2-15 digits.",
        Field::MobileTwinningNumber => "The external number of mobile twinning.",
        Field::GroupMembership => "Hunt group names: a list, or text split at commas.",
        Field::LoginCode => "4-15 digits; new users only.",
        Field::VoicemailCode => "0-31 digits; new users only.",
        Field::UserProvisioningRule => "A rule's exact name; new users only.",
        Field::System => "System name, FQDN, LAN1 or LAN2 address; new users only.",
    };
    let properties: Vec<(&str, Value)> =
        Field::ALL.into_iter().map(|field| (field.key(), refer("field", about(field)))).collect();
    let table = required(object(&properties), &["user_identification", "name"]);
    described(table, "Synchronize User Fields: one Rhai expression a field.")
}

fn rules() -> Value {
    let table = object(&[
        ("files", texts("Rhai files with provisioning rules and functions.")),
        ("when_no_rule", choice(&["defaults", "skip", "error"], "defaults", "What happens without a rule.")),
        (
            "number_precedence",
            choice(&["rule", "directory"], "rule", "Whose number wins where both give one."),
        ),
    ]);
    described(table, "Provisioning rules.")
}

fn numbers() -> Value {
    let table = object(&[
        ("reserved", texts("Numbers never given: `2000` or `2500-2510`.")),
        ("twinning_countries", texts("ISO 3166 codes of where mobile twinning may point.")),
    ]);
    described(table, "Numbers.")
}

fn synchronize() -> Value {
    let table = object(&[
        ("new", tick("Makes users that the phone system lacks.")),
        ("update", tick("Updates users that differ.")),
        ("delete", tick("Deletes leavers.")),
    ]);
    described(table, "The three ticks.")
}

fn leavers() -> Value {
    let table = object(&[
        ("grace", duration("7d", "How long a leaver is kept.")),
        ("quarantine", duration("90d", "How long a freed name or number is not allocated again.")),
        ("disabled", choice(&["leaver", "keep"], "leaver", "An account that is disabled in the directory.")),
        (
            "disabled_when",
            text("An expression over `user`: whose account is disabled, where the connector does not say."),
        ),
        ("protect", text("An expression over `phone`: users that are never deleted.")),
    ]);
    described(table, "Users that left the directory.")
}

fn adopt() -> Value {
    let fields = |names: &[&str], default: &[&str], about: &str| json!({ "type": "array", "items": { "enum": names }, "uniqueItems": true, "default": default, "description": about });
    let by = ["email", "extension", "name"];
    let updatable: Vec<&str> = Field::ALL.into_iter().filter(|f| f.updatable()).map(Field::key).collect();
    let table = object(&[
        ("by", fields(&by, &by, "By what users are matched, tried in this order.")),
        (
            "keep",
            fields(
                &updatable,
                &["name", "extension"],
                "Fields that stay as they stand until the directory's value next changes.",
            ),
        ),
        ("unattended", tick("Lets `rollcall serve` adopt too.")),
    ]);
    described(
        table,
        "Links users that already stand on the phone system, one to one, instead of clashing with them. \
         A user is linked under the tick `new`; its fields are written under the tick `update`; nothing is cleared.",
    )
}

fn guard() -> Value {
    let table = object(&[
        ("max_delete", refer("limit", "The most deletes of a run; 10% by default.")),
        ("max_create", refer("limit", "The most creates of a run; no limit by default.")),
        ("max_update", refer("limit", "The most updates of a run; no limit by default.")),
        ("max_clear", refer("limit", "The most users who lose a value or a group; 10% by default.")),
        ("min_directory", refer("limit", "The least size of a reading; 80% of the last one by default.")),
        ("window", duration("24h", "The limits hold for the sum applied within it; off but under `serve`.")),
    ]);
    described(table, "Limits; a share is of the users that this job owns.")
}

fn schedule() -> Value {
    let table = object(&[
        ("cron", text("Minute, hour, day of the month, month, day of the week: `0 */2 * * *`.")),
        (
            "timezone",
            json!({ "type": "string", "default": "UTC",
            "description": "A name of the time zone database, such as `Europe/London`." }),
        ),
        ("start", text("The first day on which it runs, `2026-12-01`.")),
        ("jitter", duration("0s", "Within how long behind its time a run begins, so that many jobs spread.")),
    ]);
    described(required(table, &["cron"]), "When `rollcall serve` runs the job.")
}

fn notify() -> Value {
    let on = json!({
        "type": "array",
        "items": { "enum": ["failed", "refused", "skipped", "expiring", "changed"] },
        "default": ["failed", "refused", "skipped", "expiring"],
        "description": "Of what is told; the same trouble is told once.",
    });
    let table = object(&[
        ("on", on),
        ("command", texts("A program and its arguments; it gets the run's JSON on standard input.")),
        ("webhook", text("`https://…`; the run's JSON, without what is personal, is posted to it.")),
    ]);
    described(table, "Who is told of a run.")
}

fn handover() -> Value {
    let mut table = object(&[
        ("file", text("A file of JSON lines, one a new user, that its owner alone can read.")),
        ("command", texts("A program and its arguments; it gets one JSON line on standard input.")),
    ]);
    if let Some(map) = table.as_object_mut() {
        map.insert("oneOf".into(), json!([{ "required": ["file"] }, { "required": ["command"] }]));
    }
    described(table, "Where the codes of new users go. Mandatory where a code is random.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;

    fn keys_of(value: &Value) -> Vec<&str> {
        let properties = value.get("properties").and_then(Value::as_object);
        properties.map(|map| map.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Gives what a key holds; of one table or several, the one.
    fn below<'a>(table: &'a Value, key: &str) -> &'a Value {
        let below = &table["properties"][key];
        if key == "directory" { &below["oneOf"][0] } else { below }
    }

    #[test]
    fn the_schema_knows_the_keys_of_the_parser_and_no_others() {
        let schema = schema();
        for (path, keys) in keys::TABLES {
            let steps = path.split('.').filter(|step| !step.is_empty());
            let table = steps.fold(&schema, |table, step| below(table, step));
            assert_eq!(keys_of(table), *keys, "[{path}]");
        }
        assert_eq!(keys_of(&schema["definitions"]["credential"]), keys::CREDENTIAL);
        assert_eq!(keys_of(&schema["definitions"]["field"]["oneOf"][1]), keys::FIELD);
        let tables = keys::TABLES.iter().map(|(path, _)| *path);
        let open = ["directory.settings", "directory.credentials", "directory.limits"];
        let known: Vec<&str> = tables.chain(open).collect();
        closed_tables(&schema, "", &known);
    }

    /// Every closed table of the schema is one that the parser checks.
    fn closed_tables(table: &Value, path: &str, known: &[&str]) {
        for key in keys_of(table) {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            let below = below(table, key);
            if below.get("additionalProperties").is_some() {
                assert!(known.contains(&path.as_str()), "[{path}]");
            }
            closed_tables(below, &path, known);
        }
    }

    #[test]
    fn the_fields_are_those_of_the_table() {
        let keys: Vec<&str> = Field::ALL.iter().map(|field| field.key()).collect();
        assert_eq!(keys::of("fields"), keys);
    }
}
