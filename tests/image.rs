//! The image can be built from source where there is only Docker: all that the binary is made of may enter.

use std::path::{Path, PathBuf};

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The files that a source file takes in with `include_str!` and its like; one that is not there is none.
fn included(source: &Path) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(source).unwrap();
    let after =
        text.split("include_").skip(1).filter_map(|rest| rest.split_once("!(\"").map(|(_, path)| path));
    let names = after.filter_map(|rest| rest.split_once("\")").map(|(name, _)| name));
    names.map(|name| source.parent().unwrap().join(name).canonicalize()).filter_map(Result::ok).collect()
}

#[test]
fn what_the_binary_is_made_of_may_enter_the_image() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
    let rules = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    assert!(rules.lines().any(|line| line == "*"), "everything else stays outside");
    let allowed: Vec<&str> = rules.lines().filter_map(|line| line.strip_prefix('!')).collect();

    let mut needed: Vec<PathBuf> =
        ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml"].map(|name| root.join(name)).into();
    let sources: Vec<PathBuf> = files(&root.join("src"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect();
    let inclusions: Vec<PathBuf> = sources.iter().flat_map(|source| included(source)).collect();
    assert!(
        inclusions.len() > 10,
        "the grids, the published figures, fonts, style and script: {inclusions:?}"
    );
    needed.extend(sources);
    needed.extend(inclusions);
    for path in needed {
        let name = path.strip_prefix(&root).unwrap();
        assert!(path.is_file(), "{} is not there", name.display());
        assert!(
            allowed.iter().any(|rule| name.starts_with(rule)),
            "the image needs {}, and .dockerignore keeps it out",
            name.display()
        );
    }
}
