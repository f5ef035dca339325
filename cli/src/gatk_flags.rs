//! GATK's flags of several letters after one dash, such as `-ERC`.

use std::ffi::OsString;

/// The subcommands that know such flags.
const COMMANDS: [&str; 1] = ["call"];

/// The flags.
const FLAGS: [&str; 7] = [
    "-ERC",
    "-GQB",
    "-bamout",
    "-ip",
    "-mbq",
    "-ploidy",
    "-stand-call-conf",
];

/// Gives each such flag the second dash that it lacks.
pub fn spelled_out(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let command = arguments.get(1).and_then(|argument| argument.to_str());
    if !command.is_some_and(|command| COMMANDS.contains(&command)) {
        return arguments;
    }
    for argument in &mut arguments {
        if argument.to_str().is_some_and(|flag| FLAGS.contains(&flag)) {
            let mut longer = OsString::from("-");
            longer.push(&argument);
            *argument = longer;
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_flags_of_known_commands_change() {
        let spelled = |text: &str| {
            let arguments = text.split(' ').map(OsString::from);
            spelled_out(arguments).join(" ".as_ref())
        };
        assert_eq!(
            spelled("spindle call -ERC GVCF -R a -ip 5"),
            "spindle call --ERC GVCF -R a --ip 5"
        );
        assert_eq!(spelled("spindle sort -n -ip x"), "spindle sort -n -ip x");
    }
}
