//! A place on the map.

use ballet_core::value;
use serde::de::{Deserialize, Deserializer, Error};

/// The mean radius of the Earth, in meters.
const EARTH_METERS: f64 = 6_371_008.8;

/// A place on the map, in degrees. Values outside of the map are rejected.
#[value]
#[derive(Copy)]
pub struct Point {
    /// The latitude.
    #[serde(deserialize_with = "degrees::<_, 90>")]
    #[schemars(range(min = -90.0, max = 90.0))]
    lat: f64,
    /// The longitude.
    #[serde(deserialize_with = "degrees::<_, 180>")]
    #[schemars(range(min = -180.0, max = 180.0))]
    lon: f64,
}

/// The error for two numbers that are no place on the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no place on the map: lat goes from -90 to 90, and lon from -180 to 180")]
pub struct NotOnEarth;

/// Reads degrees between `-MOST` and `MOST`.
fn degrees<'de, D: Deserializer<'de>, const MOST: i16>(deserializer: D) -> Result<f64, D::Error> {
    let degrees = f64::deserialize(deserializer)?;
    let is_on_earth = degrees.abs() <= f64::from(MOST);
    if is_on_earth { Ok(degrees) } else { Err(D::Error::custom(NotOnEarth)) }
}

impl Point {
    /// Returns the place with these degrees. `None` if it is not on the Earth.
    #[must_use]
    pub fn new(lat: f64, lon: f64) -> Option<Self> {
        let is_on_earth = (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon);
        is_on_earth.then_some(Self { lat, lon })
    }

    /// Returns the latitude in degrees.
    #[must_use]
    pub const fn lat(self) -> f64 {
        self.lat
    }

    /// Returns the longitude in degrees.
    #[must_use]
    pub const fn lon(self) -> f64 {
        self.lon
    }

    /// Returns the distance as the crow flies, in meters.
    #[must_use]
    pub fn meters_to(self, other: Self) -> f64 {
        let (lat, other_lat) = (self.lat.to_radians(), other.lat.to_radians());
        let half = |from: f64, to: f64| ((to - from) / 2.0).sin().powi(2);
        let lon = half(self.lon.to_radians(), other.lon.to_radians());
        let chord = half(lat, other_lat) + lat.cos() * other_lat.cos() * lon;
        2.0 * EARTH_METERS * chord.sqrt().min(1.0).asin()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_on_the_earth() {
        let read = |text| serde_json::from_str::<Point>(text);
        assert!(read(r#"{"lat":52.5,"lon":13.4}"#).is_ok());
        for wrong in [r#"{"lat":90.1,"lon":0}"#, r#"{"lat":0,"lon":-180.5}"#, r#"{"lat":0}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Point::new(f64::NAN, 0.0), None);
    }

    #[test]
    fn a_degree_of_latitude_is_111_kilometers_everywhere_and_one_of_longitude_is_not() {
        let point = |lat, lon| Point::new(lat, lon).expect("on Earth");
        let meters = |from: (f64, f64), to: (f64, f64)| {
            point(from.0, from.1).meters_to(point(to.0, to.1)).round()
        };
        assert_eq!(meters((0.0, 0.0), (1.0, 0.0)), 111_195.0);
        assert_eq!(meters((60.0, 0.0), (61.0, 0.0)), 111_195.0);
        assert_eq!(meters((60.0, 0.0), (60.0, 1.0)), 55_597.0);
        assert_eq!(meters((0.0, 179.5), (0.0, -179.5)), 111_195.0);
    }
}
