//! Contracts may only grow: what the recorded descriptors hold must still be there, unchanged.
//!
//! `SPINDLE_RECORD=1 cargo test -p proto --test contract` records what was added; it refuses too
//! where something was taken away.

use std::collections::BTreeMap;
use std::path::PathBuf;

use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// What must not change, by its full name: fields, enum values and calls with all that the wire sees.
type Surface = BTreeMap<String, String>;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/descriptors-v1.bin")
}

fn surface(descriptors: &[u8]) -> Surface {
    let set = FileDescriptorSet::decode(descriptors).unwrap();
    let mut surface = Surface::new();
    let own = |file: &&FileDescriptorProto| file.package().starts_with("spindle.");
    for file in set.file.iter().filter(own) {
        let package = file.package();
        for message in &file.message_type {
            add_message(&mut surface, package, message);
        }
        for values in &file.enum_type {
            add_enum(&mut surface, package, values);
        }
        for service in &file.service {
            for call in &service.method {
                let name = format!("{package}.{}/{}", service.name(), call.name());
                let shape = format!(
                    "{} {} -> {} {}",
                    call.client_streaming(),
                    call.input_type(),
                    call.server_streaming(),
                    call.output_type()
                );
                surface.insert(name, shape);
            }
        }
    }
    surface
}

fn add_message(surface: &mut Surface, scope: &str, message: &DescriptorProto) {
    let scope = format!("{scope}.{}", message.name());
    surface.insert(scope.clone(), "message".to_owned());
    for field in &message.field {
        let oneof = field.oneof_index.filter(|_| !field.proto3_optional());
        let oneof = oneof.map(|index| message.oneof_decl[index as usize].name());
        let shape = format!(
            "{} {:?} {:?} {} in {oneof:?}",
            field.number(),
            field.label(),
            field.r#type(),
            field.type_name(),
        );
        surface.insert(format!("{scope}.{}", field.name()), shape);
    }
    for nested in &message.nested_type {
        add_message(surface, &scope, nested);
    }
    for values in &message.enum_type {
        add_enum(surface, &scope, values);
    }
}

fn add_enum(surface: &mut Surface, scope: &str, values: &EnumDescriptorProto) {
    for value in &values.value {
        let name = format!("{scope}.{}.{}", values.name(), value.name());
        surface.insert(name, value.number().to_string());
    }
}

/// Returns what of `old` is missing in `new` or is something else there.
fn broken(old: &Surface, new: &Surface) -> Vec<String> {
    let changes = old.iter().filter_map(|(name, shape)| match new.get(name) {
        Some(same) if same == shape => None,
        Some(other) => Some(format!("{name}: was {shape}, is {other}")),
        None => Some(format!("{name}: is gone")),
    });
    changes.collect()
}

#[test]
fn contracts_only_grow() {
    let recorded = std::fs::read(path()).map(|bytes| surface(&bytes));
    let now = surface(proto::DESCRIPTORS);
    let changes = broken(recorded.as_ref().unwrap_or(&Surface::new()), &now);
    assert!(changes.is_empty(), "incompatible: {changes:#?}");
    if std::env::var_os("SPINDLE_RECORD").is_some() {
        std::fs::write(path(), proto::DESCRIPTORS).unwrap();
    }
    assert!(recorded.is_ok_and(|recorded| recorded.len() > 300));
}

#[test]
fn each_incompatible_change_is_found() {
    let recorded = std::fs::read(path()).unwrap();
    let old = surface(&recorded);
    let changed = |change: fn(&mut FileDescriptorProto)| {
        let mut set = FileDescriptorSet::decode(recorded.as_slice()).unwrap();
        set.file.iter_mut().for_each(change);
        broken(&old, &surface(&set.encode_to_vec())).len()
    };
    assert_eq!(changed(|_| {}), 0);
    // Renumbered, retyped, removed.
    assert!(changed(|file| each_first_field(file, |field| field.number = Some(99))) > 10);
    assert!(changed(|file| each_first_field(file, |field| field.r#type = Some(2))) > 10);
    assert!(changed(|file| file.message_type.iter_mut().for_each(|m| m.field.clear())) > 100);
    assert!(changed(|file| file.message_type.clear()) > 100);
    let shorter = |file: &mut FileDescriptorProto| {
        for values in &mut file.enum_type {
            values.value.pop();
        }
    };
    assert!(changed(shorter) >= 5);
    assert!(changed(|file| file.service.iter_mut().for_each(|s| s.method.clear())) > 5);
    // Growth is fine.
    let longer = |file: &mut FileDescriptorProto| {
        for message in &mut file.message_type {
            let mut field = prost_types::FieldDescriptorProto::default();
            (field.name, field.number) = (Some("added".to_owned()), Some(4000));
            message.field.push(field);
        }
    };
    assert_eq!(changed(longer), 0);
}

fn each_first_field(
    file: &mut FileDescriptorProto,
    change: fn(&mut prost_types::FieldDescriptorProto),
) {
    for message in &mut file.message_type {
        message.field.first_mut().into_iter().for_each(change);
    }
}
