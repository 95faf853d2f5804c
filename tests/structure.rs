//! The map in src/lib.rs is so: each module uses those below it and none above, and no file holds more than one noun's lines.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines that a file has at most.
const MOST_LINES: usize = 400;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file under a directory.
fn files(under: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(under).expect("a directory of this crate") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            found.push(path);
        }
    }
    found
}

/// The names in `[`...`]` of a text.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("[`").skip(1).filter_map(|rest| Some(rest.split_once("`]")?.0))
}

/// The level of each module on the map, 0 at the top.
fn levels(map: &str) -> BTreeMap<String, usize> {
    let lines: Vec<&str> = map.lines().filter_map(|line| line.strip_prefix("//! ")).collect();
    let levels = lines.split(|line| line.starts_with("- ")).count();
    let text = lines.join("\n");
    let mut found = BTreeMap::new();
    for (level, item) in text.split("\n- ").skip(1).enumerate() {
        found.extend(links(item).map(|name| (name.to_owned(), level)));
    }
    assert!(levels > 10 && found.len() > levels, "the map cannot be read: {found:?}");
    found
}

/// The modules of this crate that a file's own code names, without its tests and documentation.
fn used(text: &str) -> BTreeSet<&str> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1));
    let names = names.flat_map(|rest| match rest.strip_prefix('{') {
        // `use crate::{path, receive, units};`
        Some(several) => several.split([',', '}']).map(str::trim).collect(),
        None => vec![rest],
    });
    names.filter_map(|name| name.split(|one: char| !one.is_alphanumeric() && one != '_').next()).collect()
}

#[test]
fn modules_use_those_below_them_on_the_map() {
    let map = std::fs::read_to_string(source().join("lib.rs")).expect("lib.rs");
    let levels = levels(&map);
    let (mut arrows, mut wrong) = (0, Vec::new());
    for path in files(&source()) {
        let own = path.strip_prefix(source()).expect("a file of the source");
        let own = own.iter().next().expect("a name").to_string_lossy();
        let Some(&level) = levels.get(own.trim_end_matches(".rs")) else { continue };
        let text = std::fs::read_to_string(&path).expect("a source file");
        for name in used(&text) {
            let Some(&other) = levels.get(name) else { continue };
            arrows += 1;
            if other < level {
                wrong.push(format!("{} uses {name}, which stands above it", path.display()));
            }
        }
    }
    assert!(arrows > 500, "only {arrows} arrows were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
    let declared = map
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    let missing: Vec<&str> =
        declared.filter(|name| !levels.contains_key(*name) && !["simulate", "skip"].contains(name)).collect();
    assert!(missing.is_empty(), "the map lacks {missing:?}");
}

#[test]
fn no_file_is_too_long_to_hold_one_noun() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for path in [files(&source()), files(&tests)].concat() {
        let lines = std::fs::read_to_string(&path).expect("a source file").lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", path.display());
    }
}
