//! Who somebody is by a provider's word. In: the claims of a token that was proved, the settings. Out: a person, or why
//! they are not let in. Pure.

use serde_json::Value;

use super::settings::Settings;
use crate::web::people::{Person, Role};

/// Letters of a name at most, as it stands in events.
const LONGEST_NAME: usize = 64;

/// Why somebody who was proved is not let in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLetIn {
    #[error("the provider's token has no {0}, which web.openid.name_claim names")]
    NoName(String),
    #[error("the provider's token was made for {0}, which is not this page")]
    OtherParty(String),
    #[error("the provider did not confirm that {0} is theirs")]
    Unconfirmed(String),
    #[error("{0} is in none of the groups of web.openid.operators and web.openid.viewers")]
    NoGroup(String),
}

/// Who it is and what they may do.
pub fn person(claims: &Value, settings: &Settings) -> Result<Person, NotLetIn> {
    // A token for several audiences says for whom it was made.
    if let Some(party) = claims["azp"].as_str().filter(|party| *party != settings.client_id) {
        return Err(NotLetIn::OtherParty(plain(party)));
    }
    let claim = &settings.name_claim;
    let name = claims[claim].as_str().map(plain).filter(|name| !name.is_empty());
    let user = name.ok_or_else(|| NotLetIn::NoName(claim.clone()))?;
    // Some providers let anybody write any address, and say only here that nobody looked.
    if claim == "email" && claims["email_verified"] == false {
        return Err(NotLetIn::Unconfirmed(user));
    }
    let groups = groups(&claims[&settings.groups_claim]);
    let is_in = |named: &[String]| named.iter().any(|group| groups.contains(&group.as_str()));
    let role = match (is_in(&settings.operators), is_in(&settings.viewers)) {
        (true, _) => Role::Operator,
        (false, true) => Role::Viewer,
        (false, false) => return Err(NotLetIn::NoGroup(user)),
    };
    Ok(Person { user, role })
}

/// A list of names, or one alone. Whatever else is there names no group.
fn groups(claim: &Value) -> Vec<&str> {
    match claim {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A name as events have it: no control characters, and not without end.
fn plain(name: &str) -> String {
    name.trim().chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings() -> Settings {
        Settings {
            client_id: "page".into(),
            name_claim: "email".into(),
            groups_claim: "cognito:groups".into(),
            operators: vec!["ops".into(), "leads".into()],
            viewers: vec!["staff".into()],
            ..Settings::default()
        }
    }

    #[test]
    fn groups_give_the_role_and_the_higher_one_counts() {
        for (groups, role) in [
            (json!(["staff", "ops"]), Some(Role::Operator)),
            (json!(["leads"]), Some(Role::Operator)),
            (json!(["staff"]), Some(Role::Viewer)),
            (json!("staff"), Some(Role::Viewer)),
            (json!(["Staff"]), None),
            (json!("ops,staff"), None),
            (json!([]), None),
            (json!([["ops"], 7, {"name": "ops"}]), None),
            (json!({"ops": true}), None),
            (json!(null), None),
        ] {
            let claims = json!({"email": "anna@example.org", "cognito:groups": groups});
            let told = person(&claims, &settings());
            match role {
                Some(role) => assert_eq!(told, Ok(Person { user: "anna@example.org".into(), role }), "{claims}"),
                None => assert_eq!(told, Err(NotLetIn::NoGroup("anna@example.org".into())), "{claims}"),
            }
        }
        let claims = json!({"email": "anna@example.org", "groups": ["ops"]});
        assert!(person(&claims, &settings()).is_err(), "another claim names no groups");
    }

    #[test]
    fn a_name_is_there_is_confirmed_and_is_plain() {
        let called = |claims: Value| {
            let mut claims = claims;
            claims["cognito:groups"] = json!(["staff"]);
            person(&claims, &settings()).map(|person| person.user)
        };
        let missing = Err(NotLetIn::NoName("email".into()));
        assert_eq!(called(json!({})), missing);
        assert_eq!(called(json!({"email": " \n"})), missing);
        assert_eq!(called(json!({"email": 7})), missing);
        assert_eq!(called(json!({"email": "a\u{7}\r\nb"})), Ok("ab".into()));
        assert_eq!(called(json!({"email": "é".repeat(100)})), Ok("é".repeat(64)));
        assert_eq!(called(json!({"email": "a", "email_verified": true})), Ok("a".into()));
        assert_eq!(called(json!({"email": "a", "email_verified": false})), Err(NotLetIn::Unconfirmed("a".into())));
    }

    #[test]
    fn a_token_that_was_made_for_another_page_is_none_for_this_one() {
        let with = |azp: Value| person(&json!({"email": "a", "cognito:groups": "ops", "azp": azp}), &settings());
        assert!(with(json!("page")).is_ok());
        assert_eq!(with(json!("other")), Err(NotLetIn::OtherParty("other".into())));
    }
}
