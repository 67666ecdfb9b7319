//! People who come from the older script connector (spec 3.21): it was set up by variables, of which ours uses none.

use crate::Env;

/// What the script connector signed in with.
const VARIABLES: [&str; 2] = ["NTERACT_API_KEY", "NOTEBOOK_CLOUD_PUBLISH_BEARER_TOKEN"];

/// What to tell somebody whose environment is still that of the script connector.
pub fn script_connector_note(env: &Env) -> Option<String> {
    let name = VARIABLES.iter().find(|name| env.get(name).is_some())?;
    Some(format!(
        "{name} is set: the older script connector signed in with it, and runt does not use it; it has a credential of its \
         own, which can do no more than serve kernels\n\
         Hint: stop the script connector, pair this machine with `runt workstation connect URL`, and unset {name}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_recognised_and_their_values_are_not_shown() {
        assert_eq!(
            script_connector_note(&Env::from_pairs([("HOME", "/h")])),
            None
        );
        assert_eq!(
            script_connector_note(&Env::from_pairs([(VARIABLES[0], " ")])),
            None
        );
        for name in VARIABLES {
            let told = script_connector_note(&Env::from_pairs([(name, "hush")])).unwrap();
            assert!(told.contains(name) && !told.contains("hush"), "{told}");
            assert!(told.contains("\nHint: "), "{told}");
        }
    }
}
