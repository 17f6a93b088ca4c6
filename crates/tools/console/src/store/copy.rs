//! Rows in COPY's binary format, which the server takes in one statement without parsing.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// A null value's length, and the number of columns after the last row.
const NONE: i32 = -1;
const END: i16 = -1;
/// The year 2000, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

#[derive(Debug)]
pub(crate) struct CopyRows {
    bytes: Vec<u8>,
}

impl CopyRows {
    pub(crate) fn new() -> Self {
        Self { bytes: SIGNATURE.to_vec() }
    }

    pub(crate) fn row(&mut self, columns: i16) {
        self.bytes.extend(columns.to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        // Bodies are cut far below the limit.
        let length = i32::try_from(value.len()).unwrap_or(0);
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(&value[..usize::try_from(length).unwrap_or(0)]);
    }

    pub(crate) fn text(&mut self, value: Option<&str>) {
        match value {
            Some(text) => self.bytes(text.as_bytes()),
            None => self.bytes.extend(NONE.to_be_bytes()),
        }
    }

    pub(crate) fn uuid(&mut self, value: Option<Uuid>) {
        match value {
            Some(id) => self.bytes(id.as_bytes()),
            None => self.bytes.extend(NONE.to_be_bytes()),
        }
    }

    pub(crate) fn int(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn bigint(&mut self, value: i64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(crate) fn time(&mut self, value: Timestamp) {
        self.bigint(value.as_microsecond() - EPOCH);
    }

    /// `statement` is a binary COPY from the standard input.
    pub(crate) async fn send(
        mut self,
        db: &mut PgConnection,
        statement: &str,
    ) -> Result<(), sqlx::Error> {
        self.bytes.extend(END.to_be_bytes());
        let mut copy = db.copy_in_raw(statement).await?;
        copy.send(self.bytes).await?;
        copy.finish().await.map(drop)
    }
}
