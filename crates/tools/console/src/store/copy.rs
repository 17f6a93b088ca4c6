//! Rows in the binary format of COPY: the server takes them without parsing, and in one statement.

use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// The length of a null value, and the number of columns that ends the rows.
const NONE: i32 = -1;
const END: i16 = -1;
/// The start of Postgres's time, the year 2000, in microseconds since 1970.
const EPOCH: i64 = 946_684_800_000_000;

/// Rows for COPY.
#[derive(Debug)]
pub(crate) struct CopyRows {
    bytes: Vec<u8>,
}

impl CopyRows {
    pub(crate) fn new() -> Self {
        Self { bytes: SIGNATURE.to_vec() }
    }

    /// Begins a row with this many columns.
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

    /// Sends the rows. `statement` is a COPY from the standard input, in the format `binary`.
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
