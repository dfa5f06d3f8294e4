//! Keeps what other people's code does with other people's files from ending the process.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

use crate::backend::BackendError;

/// What `read` gives; an error where it panics.
///
/// The libraries that read model files and the operators that such files name give up on some malformed ones with a
/// panic. `read` must leave nothing behind that is used after an error.
pub(crate) fn no_panic<T>(
    read: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    panic::catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|payload| Err(format!("gave up: {}", message(&*payload)).into()))
}

/// As [`no_panic`], for what sees a request's text, which the panic's message may hold: so the error does not.
pub(crate) fn no_panic_on_text<T>(
    read: impl FnOnce() -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("gave up".into()))
}

/// What the panic said.
fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no reason given")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message() {
        let failed =
            |read: fn() -> Result<(), BackendError>| no_panic(read).unwrap_err().to_string();
        assert_eq!(failed(|| panic!("no head")), "gave up: no head");
        assert_eq!(failed(|| panic!("{} heads", 2)), "gave up: 2 heads");
        assert_eq!(failed(|| panic::panic_any(7)), "gave up: no reason given");
        assert_eq!(failed(|| Err("no tail".into())), "no tail");
    }

    #[test]
    fn a_panic_over_text_is_an_error_without_its_message() {
        let failed = no_panic_on_text::<()>(|| panic!("no token for `secret`"));
        assert_eq!(failed.unwrap_err().to_string(), "gave up");
        assert_eq!(no_panic_on_text(|| Ok(7)).unwrap(), 7);
    }

    #[test]
    fn without_a_panic_it_changes_nothing() {
        assert_eq!(no_panic(|| Ok(7)).unwrap(), 7);
    }
}
