//! A path that a stranger has chosen for a place on our disk.

use files::{SafePath, naming};

/// What is taken leads nowhere but below the folder, is shown as it is, and so are the names that are
/// made of it.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(path) = SafePath::new(text) else { return };
    assert_eq!(path.to_string(), text);
    assert!(path.names().all(|name| !matches!(name, "" | "." | "..")), "{text:?}");
    assert!(!text.starts_with('/') && !text.contains(['\\', '\0', '\n', '\u{1b}']), "{text:?}");
    let folders: Vec<&str> = path.folders().chain([path.name()]).collect();
    assert_eq!(folders.join("/"), text);
    let part = naming::part(path.name(), 7, None, 2);
    assert!(naming::is_part(&part) && part.len() <= files::limits::MAX_NAME, "{part:?}");
    // A long name is cut, so one of them may be the name itself; but they are never the same.
    let another =
        [1, 2, files::limits::MAX_COPIES].map(|number| naming::another(path.name(), number));
    assert!(another[0] != another[1] && another[1] != another[2], "{another:?}");
    for another in another {
        assert!(SafePath::new(&another).is_ok(), "{another:?} of {text:?}");
        assert_eq!(path.with_name(&another).name(), another);
    }
}
