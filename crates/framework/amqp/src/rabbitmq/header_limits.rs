//! Checks that the broker can accept the headers of a message.

use lapin::types::{AMQPValue, FieldTable};

use crate::headers::value::encoded_size;
use crate::session::error::BrokerError;

/// Generous bound for the size of all other properties.
const PROPERTIES: usize = 4096;

/// Refuses headers that do not fit a frame or that the broker cannot read. Either would end the
/// connection at each attempt.
pub(super) fn check(headers: &FieldTable, frame_max: usize) -> Result<(), BrokerError> {
    if let Some((name, problem)) = problem(headers) {
        return Err(BrokerError::Unrepresentable(format!(
            "its header `{name}` contains {problem}"
        )));
    }
    let size = encoded_size(headers);
    if size + PROPERTIES > frame_max {
        return Err(BrokerError::Unrepresentable(format!(
            "its headers take {size} bytes and must fit a frame of {frame_max} bytes"
        )));
    }
    Ok(())
}

/// Returns the first header that the broker cannot read, at any depth.
fn problem(headers: &FieldTable) -> Option<(&str, &'static str)> {
    let unreadable = |(name, value)| Some((name, unreadable(value)?));
    headers.inner().iter().map(|(name, value)| (name.as_str(), value)).find_map(unreadable)
}

fn unreadable(value: &AMQPValue) -> Option<&'static str> {
    let finite = match value {
        AMQPValue::Float(number) => number.is_finite(),
        AMQPValue::Double(number) => number.is_finite(),
        AMQPValue::ShortString(_) => {
            return Some("a short string, which AMQP headers do not allow");
        }
        AMQPValue::FieldTable(table) => return problem(table).map(|(_, problem)| problem),
        AMQPValue::FieldArray(array) => return array.as_slice().iter().find_map(unreadable),
        _ => true,
    };
    (!finite).then_some("a number that is not finite, which the broker cannot read")
}
