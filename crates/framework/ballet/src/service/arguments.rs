//! Reads a program's arguments and environment. It goes on after a wrong value, so that all of them
//! can be named at once.

use std::ffi::OsString;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command};

use crate::service::settings::error::SettingsError;

/// The arguments of a program. Those whose value is wrong have their default.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) given: ArgMatches,
    pub(super) wrong: Vec<SettingsError>,
}

/// Reads the arguments of a program.
///
/// # Errors
///
/// A request for help, or a mistake that is not about a value: clap's own message.
pub(super) fn read(
    mut program: Command,
    mut args: Vec<OsString>,
) -> clap::error::Result<Arguments> {
    let mut wrong = Vec::new();
    loop {
        let error = match program.clone().try_get_matches_from(&args) {
            Ok(given) => return Ok(Arguments { given, wrong }),
            Err(error) => error,
        };
        // Only a program that is built knows how its arguments are shown.
        let mut built = program.clone();
        built.build();
        let Some((argument, problem)) = wrong_value(&built, &error) else { return Err(error) };
        wrong.push(problem);
        let (id, before) = (argument.get_id().clone(), args.len());
        leave_out(&mut args, argument);
        if before == args.len() && argument.get_env().is_none() {
            return Err(error);
        }
        program = program.mut_arg(id, |argument| argument.env(Resettable::Reset));
    }
}

/// Values of which some parser takes one: what is required and not given gets the first that fits.
const STAND_INS: [&str; 7] = [
    "stand-in",
    "1",
    "1s",
    "http://127.0.0.1:1",
    "127.0.0.1:1",
    "true",
    "00000000-0000-0000-0000-000000000000",
];

/// The program without the need for any value, since a contract does not depend on settings.
pub(super) fn without_required(program: Command) -> Command {
    program.mut_args(|argument| {
        if !argument.is_required_set() {
            return argument;
        }
        let parser = argument.get_value_parser();
        let named: Vec<String> = parser
            .possible_values()
            .into_iter()
            .flatten()
            .map(|value| value.get_name().to_owned())
            .collect();
        let fits = |value: &&str| {
            let alone = Arg::new("value").value_parser(parser.clone());
            let alone = Command::new("alone").no_binary_name(true).arg(alone);
            alone.try_get_matches_from([*value]).is_ok()
        };
        let fitting = named.iter().map(String::as_str).chain(STAND_INS).find(fits);
        match fitting {
            // It lives as long as the program, which prints its contract and ends.
            Some(value) => argument.required(false).default_value(&*String::from(value).leak()),
            None => argument,
        }
    })
}

fn wrong_value<'a>(program: &'a Command, error: &clap::Error) -> Option<(&'a Arg, SettingsError)> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let shown = text(ContextKind::InvalidArg)?;
    let argument = program.get_arguments().find(|argument| argument.to_string() == shown)?;
    let why = match (error.kind(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::ValueValidation, _) => in_words(&std::error::Error::source(error)?.to_string()),
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(known))) => {
            format!("expected {}", known.join(", "))
        }
        _ => return None,
    };
    let name = argument.get_env().map_or(shown.into(), |name| name.to_string_lossy());
    let problem = match text(ContextKind::InvalidValue) {
        Some(value) if why.starts_with(value) => why,
        Some(value) if !argument.is_hide_env_values_set() => format!("{value:?}: {why}"),
        Some(_) | None => why,
    };
    Some((argument, SettingsError::new(format!("{name}: {problem}"))))
}

/// A range, in the words for settings that a program has set itself.
fn in_words(why: &str) -> String {
    let range = why.split_once(" is not in ").and_then(|(value, range)| {
        let (low, high) = range.split_once("..=")?;
        Some(format!("{value} is not between {low} and {high}"))
    });
    match why {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "a whole number is wanted".to_owned()
        }
        other => range.unwrap_or_else(|| other.to_owned()),
    }
}

fn leave_out(args: &mut Vec<OsString>, argument: &Arg) {
    let Some(long) = argument.get_long() else { return };
    let (flag, with_value) = (format!("--{long}"), format!("--{long}="));
    let mut value_follows = false;
    args.retain(|arg| {
        let (is_value, text) = (std::mem::take(&mut value_follows), arg.to_string_lossy());
        value_follows = !is_value && text == flag;
        !is_value && !value_follows && !text.starts_with(&with_value)
    });
}

#[cfg(test)]
mod tests {
    use clap::Args;

    use super::*;
    use crate::service::settings::settings::Settings;

    #[derive(Debug, clap::Parser)]
    struct Demanding {
        #[arg(long)]
        provider: axum::http::Uri,
        #[arg(long)]
        limit: std::num::NonZeroU8,
        #[arg(long, value_parser = ["fast", "slow"])]
        mode: String,
        #[arg(long, default_value = "here")]
        place: String,
    }

    #[test]
    fn a_program_prints_its_contract_without_what_it_requires_to_run() {
        use clap::{CommandFactory as _, FromArgMatches as _};
        assert!(Demanding::command().try_get_matches_from(["program"]).is_err());
        let program = without_required(Demanding::command());
        let given = program.clone().try_get_matches_from(["program"]).expect("stand-ins");
        let read = Demanding::from_arg_matches(&given).expect("arguments");
        assert_eq!((read.limit.get(), &*read.mode, &*read.place), (1, "fast", "here"));
        let given =
            program.try_get_matches_from(["program", "--provider", "http://bank", "--limit", "7"]);
        let read = Demanding::from_arg_matches(&given.expect("arguments")).expect("arguments");
        assert_eq!((read.limit.get(), read.provider.host()), (7, Some("bank")));
    }

    #[test]
    fn every_wrong_value_is_named_and_the_rest_is_read() {
        let program = Settings::augment_args(Command::new("service"));
        let args = [
            "service",
            "--lanes",
            "99",
            "--log-format=loud",
            "--calls",
            "7",
            "--batch=many",
            "--listen=x",
        ];
        let read = read(program, args.map(OsString::from).to_vec()).unwrap();
        let wrong: Vec<_> = read.wrong.iter().map(ToString::to_string).collect();
        assert_eq!(
            wrong,
            [
                "LANES: 99 is not between 1 and 64",
                "LOG_FORMAT: \"loud\": expected auto, text, json",
                "BATCH: \"many\": a whole number is wanted",
                "LISTEN: \"x\": invalid socket address syntax",
            ]
        );
        assert_eq!(read.given.get_one::<u16>("calls"), Some(&7));
        assert_eq!(read.given.get_one::<u16>("lanes"), Some(&1));
    }

    #[test]
    fn a_mistake_that_is_no_value_is_told_by_clap() {
        let program = Settings::augment_args(Command::new("service"));
        let args = ["service", "--lanse", "3"].map(OsString::from).to_vec();
        let error = read(program, args).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownArgument);
    }
}
