//! A page's commands, in shell blocks and sentences.

const PROGRAMS: [&str; 6] = ["cargo ", ".ci/", "pkill ", "psql ", "python3 ", "curl "];

/// The commands of a page, in order. A script block is one command.
pub(crate) fn commands(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut lines = text.lines();
    let mut prose = String::new();
    while let Some(line) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            prose.push_str(line);
            prose.push('\n');
            continue;
        };
        in_sentences(&std::mem::take(&mut prose), &mut found);
        let block = lines.by_ref().take_while(|line| !line.trim_start().starts_with("```"));
        let block: Vec<&str> = block.collect();
        match language {
            "console" => found.extend(block.into_iter().filter_map(in_console)),
            "sh" => found.push(block.join("\n")),
            _ => {}
        }
    }
    in_sentences(&prose, &mut found);
    found
}

fn in_console(line: &str) -> Option<String> {
    let command = line.trim_start().strip_prefix("$ ")?;
    Some(command.split(" #").next().unwrap_or(command).trim().to_owned())
}

/// The commands between backticks. Mere options belong to the command before them.
fn in_sentences(prose: &str, found: &mut Vec<String>) {
    let mut last: Option<String> = None;
    for code in prose.split('`').skip(1).step_by(2) {
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        let whole = match &last {
            Some(last) if code.starts_with("--") => format!("{last} {code}"),
            _ => code,
        };
        if PROGRAMS.iter().any(|program| whole.starts_with(program)) {
            if !whole.contains(" --") {
                last = Some(whole.clone());
            }
            found.push(whole);
        }
    }
}

#[test]
fn commands_are_found_in_blocks_and_in_sentences() {
    let page = "Run `cargo xtask\ndemo`, or `make`.\n\n```console\n$ cargo ballet check    # sound?\n\
                harbour is sound\n```\n\n```sh\nA=$(date)\ncurl $A\n```\n`cargo xtask chaos`, and \
                `--minutes 2` of\nit. ```rust\nfn main() {}\n```\n";
    let page = page.replace("it. ```", "it.\n```");
    assert_eq!(
        commands(&page),
        [
            "cargo xtask demo",
            "cargo ballet check",
            "A=$(date)\ncurl $A",
            "cargo xtask chaos",
            "cargo xtask chaos --minutes 2",
        ]
    );
}
