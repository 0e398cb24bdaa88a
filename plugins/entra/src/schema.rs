//! The attributes of a Graph user, and how a column is found in a user's JSON.
//!
//! Names and types: `microsoft.graph.user` of the v1.0 schema (v1.0-Prod.csdl of microsoftgraph/msgraph-metadata).
//! Left out is what a listing cannot give: properties that Graph answers with 501 in a collection (`aboutMe`, `skills`,
//! `mailboxSettings`, …) and those that need more than User.Read.All (`signInActivity`, `employeeLeaveDateTime`,
//! `customSecurityAttributes`).

use rollcall_connector::{AttributeInfo, Cell, Kind, attribute};
use serde_json::{Map, Value};

/// One user as Graph gives it.
pub(crate) type Row = Map<String, Value>;

/// The parent that must be selected for any of the fifteen extension attributes.
const EXTENSIONS: &str = "onPremisesExtensionAttributes";

const TEXTS: &[(&str, &str)] = &[
    ("id", "The immutable object ID."),
    ("userPrincipalName", "The name to sign in with; may change."),
    ("displayName", "The name shown in address books."),
    ("givenName", "The first name."),
    ("surname", "The family name."),
    ("mail", "The primary e-mail address; empty for some."),
    ("mailNickname", "The e-mail alias."),
    ("mobilePhone", "The mobile number, as somebody typed it."),
    ("faxNumber", "The fax number."),
    ("jobTitle", "The job title."),
    ("department", "The department."),
    ("companyName", "The company."),
    ("officeLocation", "The office."),
    ("streetAddress", "The street."),
    ("city", "The city."),
    ("state", "The state or province."),
    ("postalCode", "The postal code."),
    ("country", "The country or region, as somebody typed it."),
    ("usageLocation", "The two-letter country code that licences need."),
    ("preferredLanguage", "The preferred language, such as en-US."),
    ("preferredDataLocation", "Where the data should lie."),
    ("employeeId", "The employee number; not unique."),
    ("employeeType", "The kind of worker, such as Contractor."),
    ("employeeHireDate", "When the employment began."),
    ("employeeOrgData.costCenter", "The cost centre."),
    ("employeeOrgData.division", "The division."),
    ("userType", "Member or Guest; empty on very old users."),
    ("creationType", "How the account was made, such as Invitation."),
    ("externalUserState", "How far an invited guest has come."),
    ("createdDateTime", "When the user was created."),
    ("lastPasswordChangeDateTime", "When the password was last changed."),
    ("onPremisesSamAccountName", "The sAMAccountName in Active Directory."),
    ("onPremisesUserPrincipalName", "The userPrincipalName in Active Directory."),
    ("onPremisesDistinguishedName", "The DN in Active Directory."),
    ("onPremisesDomainName", "The domain in Active Directory."),
    ("onPremisesImmutableId", "The anchor to Active Directory, usually the objectGUID in base64."),
    ("onPremisesSecurityIdentifier", "The SID in Active Directory."),
    ("onPremisesLastSyncDateTime", "When Active Directory was last synchronised."),
    ("securityIdentifier", "The SID."),
];

const BOOLEANS: &[(&str, &str)] = &[
    ("accountEnabled", "Whether the account can sign in."),
    ("isResourceAccount", "Whether it is a resource account."),
    ("onPremisesSyncEnabled", "Whether it comes from Active Directory; empty where it never did."),
    ("showInAddressList", "Whether address lists show it."),
];

const LISTS: &[(&str, &str)] = &[
    ("businessPhones", "The business number, at most one, as somebody typed it."),
    ("imAddresses", "The SIP addresses."),
    ("otherMails", "Further e-mail addresses."),
    ("proxyAddresses", "All e-mail addresses with their kind; SMTP: in capitals is the primary one."),
    ("assignedLicenses", "The SKU IDs of the assigned licences."),
];

/// Gives the attributes that a listing can yield, and those directory extensions of the tenant that were asked for.
pub(crate) fn attributes(asked: &[String]) -> Vec<AttributeInfo> {
    let list = |table: &[(&str, &str)], kind: Kind| -> Vec<AttributeInfo> {
        table.iter().map(|(name, about)| attribute(name, kind, about)).collect()
    };
    let mut all = list(TEXTS, Kind::Text);
    all.extend(list(BOOLEANS, Kind::Boolean));
    all.extend(list(LISTS, Kind::Text).into_iter().map(|info| AttributeInfo { many: true, ..info }));
    for number in 1..=15 {
        let short = format!("extensionAttribute{number}");
        all.push(attribute(&short, Kind::Text, "Free for the organisation to use."));
        all.push(attribute(&format!("{EXTENSIONS}.{short}"), Kind::Text, &format!("The same as {short}.")));
    }
    // A tenant's own; which there are can be read only with a further permission, so that those asked for are believed.
    for name in asked.iter().filter(|name| is_directory_extension(name)) {
        all.push(attribute(name, Kind::Text, "A directory extension of the tenant."));
    }
    all
}

/// Gives the property that must be selected so that a column can be filled.
pub(crate) fn property(column: &str) -> &str {
    if is_extension_attribute(column) {
        return EXTENSIONS;
    }
    column.split('.').next().unwrap_or(column)
}

/// Fills all columns from a user.
pub(crate) fn cells(row: &Row, columns: &[String]) -> Vec<Cell> {
    columns.iter().map(|column| cell(row, column)).collect()
}

/// Fills one column from a user.
fn cell(row: &Row, column: &str) -> Cell {
    let mut path = column.split('.');
    let first = if is_extension_attribute(column) {
        row.get(EXTENSIONS).and_then(|parent| parent.get(column))
    } else {
        path.next().and_then(|name| row.get(name))
    };
    let value = path
        .skip(usize::from(is_extension_attribute(column)))
        .try_fold(first.unwrap_or(&Value::Null), |value, name| value.get(name));
    match value {
        Some(Value::Array(licences)) if column == "assignedLicenses" => Cell::from_texts(
            licences.iter().filter_map(|licence| licence.get("skuId")?.as_str().map(str::to_owned)),
        ),
        Some(value) => Cell::from_json(value),
        None => Cell::None,
    }
}

fn is_extension_attribute(column: &str) -> bool {
    column
        .strip_prefix("extensionAttribute")
        .and_then(|number| number.parse::<u8>().ok())
        .is_some_and(|number| (1..=15).contains(&number))
}

/// Directory extensions are called `extension_{the app's id without dashes}_{name}`.
fn is_directory_extension(column: &str) -> bool {
    column.strip_prefix("extension_").and_then(|rest| rest.split_once('_')).is_some_and(|(app, name)| {
        app.len() == 32
            && app.bytes().all(|b| b.is_ascii_hexdigit())
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

#[cfg(test)]
mod tests {
    use rollcall_connector::Cell;
    use serde_json::json;

    use super::{attributes, cell, property};

    #[test]
    fn columns_are_found_where_graph_puts_them() {
        let row = json!({
            "displayName": "Leela", "accountEnabled": true, "mail": null, "businessPhones": ["1", "2"],
            "assignedLicenses": [{"skuId": "s1", "disabledPlans": []}, {"skuId": "s2"}],
            "onPremisesExtensionAttributes": {"extensionAttribute1": "UK", "extensionAttribute2": null},
            "employeeOrgData": null,
        });
        let row = row.as_object().cloned().unwrap_or_default();
        let check = |column: &str, expect: Cell| assert_eq!(cell(&row, column), expect, "{column}");
        check("displayName", Cell::Text("Leela".into()));
        check("accountEnabled", Cell::Boolean(true));
        check("mail", Cell::None);
        check("jobTitle", Cell::None);
        check("businessPhones", Cell::Texts(vec!["1".into(), "2".into()]));
        check("assignedLicenses", Cell::Texts(vec!["s1".into(), "s2".into()]));
        check("extensionAttribute1", Cell::Text("UK".into()));
        check("onPremisesExtensionAttributes.extensionAttribute1", Cell::Text("UK".into()));
        check("extensionAttribute2", Cell::None);
        check("employeeOrgData.costCenter", Cell::None);
    }

    #[test]
    fn a_column_selects_its_parent() {
        let check = |column: &str, expect: &str| assert_eq!(property(column), expect);
        check("mail", "mail");
        check("extensionAttribute15", "onPremisesExtensionAttributes");
        check("onPremisesExtensionAttributes.extensionAttribute1", "onPremisesExtensionAttributes");
        check("employeeOrgData.division", "employeeOrgData");
        check("extensionAttribute16", "extensionAttribute16");
    }

    #[test]
    fn names_are_unique_and_extensions_of_the_tenant_are_believed() {
        let own = "extension_18c4ab8cf1c94de39e8da4d66f72e26b_ipext".to_owned();
        let all = attributes(&[own.clone(), "extension_x".to_owned()]);
        let mut names: Vec<_> = all.iter().map(|info| info.name.clone()).collect();
        assert!(names.contains(&own) && !names.contains(&"extension_x".to_owned()));
        names.sort();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
