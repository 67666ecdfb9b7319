//! Making one document show what another shows, whatever its shape.

use automerge::transaction::Transactable;
use automerge::{AutoCommit, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, Value};

/// Writes into `new` what `old` shows; what is the same already is not written.
pub(super) fn copy(old: &AutoCommit, new: &mut AutoCommit) -> Result<(), AutomergeError> {
    copy_map(old, &ROOT, new, &ROOT)
}

fn copy_map(
    old: &AutoCommit,
    from: &ObjId,
    new: &mut AutoCommit,
    to: &ObjId,
) -> Result<(), AutomergeError> {
    let kept: Vec<String> = new.keys(to).collect();
    for key in kept {
        if old.get(from, key.as_str())?.is_none() {
            new.delete(to, key.as_str())?;
        }
    }
    let keys: Vec<String> = old.keys(from).collect();
    for key in keys {
        let Some((value, source)) = old.get(from, key.as_str())? else {
            continue;
        };
        let present = new.get(to, key.as_str())?;
        match value {
            Value::Object(kind) => {
                let target = match present {
                    Some((Value::Object(found), id)) if found == kind => id,
                    _ => new.put_object(to, key.as_str(), kind)?,
                };
                copy_object(kind, old, &source, new, &target)?;
            }
            Value::Scalar(scalar) => {
                let is_same =
                    matches!(&present, Some((Value::Scalar(found), _)) if *found == scalar);
                if !is_same {
                    new.put(to, key.as_str(), scalar.into_owned())?;
                }
            }
        }
    }
    Ok(())
}

fn copy_object(
    kind: ObjType,
    old: &AutoCommit,
    from: &ObjId,
    new: &mut AutoCommit,
    to: &ObjId,
) -> Result<(), AutomergeError> {
    match kind {
        ObjType::Map | ObjType::Table => copy_map(old, from, new, to),
        ObjType::Text => {
            let text = old.text(from)?;
            if new.text(to)? == text {
                return Ok(());
            }
            let length = isize::try_from(new.length(to)).unwrap_or(isize::MAX);
            new.splice_text(to, 0, length, &text)
        }
        ObjType::List => {
            if same_object(ObjType::List, old, from, new, to) {
                return Ok(());
            }
            for index in (0..new.length(to)).rev() {
                new.delete(to, index)?;
            }
            for index in 0..old.length(from) {
                match old.get(from, index)? {
                    Some((Value::Object(kind), source)) => {
                        let target = new.insert_object(to, index, kind)?;
                        copy_object(kind, old, &source, new, &target)?;
                    }
                    Some((Value::Scalar(scalar), _)) => {
                        new.insert(to, index, scalar.into_owned())?;
                    }
                    None => {}
                }
            }
            Ok(())
        }
    }
}

/// Whether two documents show the same.
pub(super) fn same(one: &AutoCommit, two: &AutoCommit) -> bool {
    same_object(ObjType::Map, one, &ROOT, two, &ROOT)
}

fn same_object(kind: ObjType, one: &AutoCommit, a: &ObjId, two: &AutoCommit, b: &ObjId) -> bool {
    match kind {
        ObjType::Map | ObjType::Table => {
            one.keys(a).eq(two.keys(b))
                && one.keys(a).all(|key| {
                    let found = one.get(a, key.as_str()).ok().flatten();
                    same_value(one, found, two, two.get(b, key.as_str()).ok().flatten())
                })
        }
        ObjType::List => {
            one.length(a) == two.length(b)
                && (0..one.length(a)).all(|index| {
                    let found = one.get(a, index).ok().flatten();
                    same_value(one, found, two, two.get(b, index).ok().flatten())
                })
        }
        ObjType::Text => one.text(a).ok() == two.text(b).ok(),
    }
}

type Found<'a> = Option<(Value<'a>, ObjId)>;

fn same_value(one: &AutoCommit, a: Found<'_>, two: &AutoCommit, b: Found<'_>) -> bool {
    match (a, b) {
        (Some((Value::Object(kind), a)), Some((Value::Object(other), b))) => {
            kind == other && same_object(kind, one, &a, two, &b)
        }
        (Some((Value::Scalar(a), _)), Some((Value::Scalar(b), _))) => a == b,
        (a, b) => a.is_none() && b.is_none(),
    }
}
