use std::fs;

use tokio::runtime::Runtime;

use super::*;

struct Fixture {
    folder: tempfile::TempDir,
    inputs: Inputs,
    _runtime: Runtime,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.fq"), "reads").unwrap();
    let runtime = Runtime::new().unwrap();
    let inputs = Inputs {
        roots: BTreeMap::from([("d".into(), folder.path().into())]),
        kept: Kept::Served,
        s3: Environment::default(),
        served: None,
        cache: Cache::new(folder.path().join("cache"), 100),
        runtime: runtime.handle().clone(),
    };
    Fixture {
        folder,
        inputs,
        _runtime: runtime,
    }
}

fn at(text: &str) -> Location {
    text.parse().unwrap()
}

#[test]
fn an_input_is_read_from_an_offset() {
    let fixture = fixture();
    let mut text = String::new();
    let mut reader = fixture.inputs.open(&at("root:d/x.fq"), None, 2).unwrap();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "ads");
}

#[test]
fn a_file_that_is_not_the_admitted_one_is_invalid() {
    let fixture = fixture();
    let location = at("root:d/x.fq");
    let Stat {
        size_bytes,
        modified_ns,
    } = fixture.inputs.stat(&location).unwrap();
    let stamp = InputStamp {
        location: location.clone(),
        size_bytes,
        modified_ns,
    };
    assert!(fixture.inputs.local(&location, Some(&stamp)).is_ok());
    let cases = [
        InputStamp {
            size_bytes: 4,
            ..stamp.clone()
        },
        InputStamp {
            modified_ns: 5,
            ..stamp.clone()
        },
    ];
    for stamp in cases {
        let failure = fixture.inputs.local(&location, Some(&stamp)).unwrap_err();
        assert_eq!(failure.class, FailureClass::InputInvalid);
    }
    let untimed = InputStamp {
        modified_ns: 0,
        ..stamp
    };
    assert!(fixture.inputs.local(&location, Some(&untimed)).is_ok());
}

#[test]
fn a_file_that_grows_while_it_is_read_is_invalid() {
    let fixture = fixture();
    let mut reader = fixture.inputs.open(&at("root:d/x.fq"), None, 0).unwrap();
    fs::write(fixture.folder.path().join("x.fq"), "other reads").unwrap();
    let mut text = String::new();
    let fault = reader.read_to_string(&mut text).unwrap_err();
    assert_eq!(error::storage(&fault).class, FailureClass::InputInvalid);
}

#[test]
fn links_out_of_a_root_and_missing_files_are_invalid() {
    let fixture = fixture();
    std::os::unix::fs::symlink("/etc/hosts", fixture.folder.path().join("out")).unwrap();
    for text in ["root:d/out", "root:d/none", "root:other/x"] {
        let failure = fixture.inputs.local(&at(text), None).unwrap_err();
        assert_eq!(failure.class, FailureClass::InputInvalid, "{text}");
    }
    assert!(!fixture.inputs.exists(&at("root:d/none")).unwrap());
    assert!(fixture.inputs.exists(&at("root:d/x.fq")).unwrap());
}
