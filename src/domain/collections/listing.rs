//! [`Listing`]: the query of a list of documents. `?pageSize=&cursor=&sort=-title&status=draft`

use super::collection::Collection;
use super::field::Field;
use super::key::FieldValue;
use super::model::Document;
use crate::base::error::ApiError;
use crate::base::ids::DocumentId;
use crate::base::json_number::JsonNumber;
use crate::base::paging::Position;
use crate::infra::http::{FOREIGN_CURSOR, PageQuery};
use std::fmt;
use std::str::FromStr;

/// The query of one page of a list.
#[derive(Debug)]
pub struct Listing {
    /// The fields that must have these values.
    pub filters: Vec<(Field, FieldValue)>,
    pub order: Order,
    pub position: Position<ListPosition>,
}

/// The order of a list. Documents with equal keys are in the order of their ids, and so of their creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// By the time of creation.
    Created {
        /// Newest first: the default of a list.
        descending: bool,
    },
    /// By a field.
    Field {
        field: Field,
        /// Largest first.
        descending: bool,
    },
}

/// The position of a document in a list. A cursor contains it.
#[derive(Clone, Debug)]
pub struct ListPosition {
    /// The field's key; `None` in the order of creation.
    pub key: Option<FieldValue>,
    /// Orders documents with equal keys.
    pub id: DocumentId,
}

/// The parameters of a list, apart from the page.
#[derive(Debug)]
pub struct Selection {
    filters: Vec<(Field, FieldValue)>,
    order: Order,
    /// Identifies the list, so that it refuses cursors of other lists.
    scope: String,
}

impl Selection {
    /// Parses a query string.
    ///
    /// # Errors
    /// `bad_request` for an unknown or repeated parameter, or a malformed value.
    pub fn parse(collection: &Collection, owner: &str, query: &str) -> Result<(Self, PageQuery), ApiError> {
        let (page, others) = PageQuery::split(query)?;
        let (mut filters, mut sort): (Vec<(Field, FieldValue)>, Option<String>) = (Vec::new(), None);
        for (name, text) in others {
            let twice = || ApiError::bad_parameter(&name, "is sent more than once");
            if name == "sort" {
                if sort.replace(text).is_some() {
                    return Err(twice());
                }
                continue;
            }
            let field = collection.filters.iter().find(|field| field.name == name).ok_or_else(|| {
                let known: Vec<&str> = collection.filters.iter().map(|field| field.name.as_str()).collect();
                let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
                let message = format!("is not known here. This list can be filtered by: {known}");
                ApiError::bad_parameter(&name, message)
            })?;
            if filters.iter().any(|(other, _)| other == field) {
                return Err(twice());
            }
            let value = field.parse(&text).map_err(|reason| ApiError::bad_parameter(&name, reason))?;
            filters.push((field.clone(), value));
        }
        let order = order_of(collection, sort.as_deref().unwrap_or("-createdAt"))?;
        let scope = format!("{owner} {}", sort.unwrap_or_default());
        Ok((Self { filters, order, scope }, page))
    }

    /// Identifies the list in its cursors.
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// Returns the query of one page.
    ///
    /// # Errors
    /// `bad_request` for a cursor that does not fit the order.
    pub fn at(self, position: Position<ListPosition>) -> Result<Listing, ApiError> {
        if position.after.as_ref().is_some_and(|place| !self.order.has(place)) {
            return Err(ApiError::bad_parameter("cursor", FOREIGN_CURSOR));
        }
        Ok(Listing { filters: self.filters, order: self.order, position })
    }

    pub fn order(&self) -> &Order {
        &self.order
    }
}

impl Order {
    /// Whether the position fits this order.
    fn has(&self, place: &ListPosition) -> bool {
        match (self, &place.key) {
            (Self::Created { .. }, None) => true,
            (Self::Field { field, .. }, Some(key)) => key.fits(field.kind),
            _ => false,
        }
    }

    /// Returns a document's position in this order.
    pub fn place_of(&self, document: &Document) -> ListPosition {
        let key = match self {
            Self::Created { .. } => None,
            Self::Field { field, .. } => Some(field.key_of(&document.body.0)),
        };
        ListPosition { key, id: document.id }
    }
}

fn order_of(collection: &Collection, sort: &str) -> Result<Order, ApiError> {
    let (name, descending) = sort.strip_prefix('-').map_or((sort, false), |name| (name, true));
    if name == "createdAt" {
        return Ok(Order::Created { descending });
    }
    match collection.sorts.iter().find(|field| field.name == name) {
        Some(field) => Ok(Order::Field { field: field.clone(), descending }),
        None => {
            let known = collection.sorts.iter().map(|field| field.name.as_str());
            let known: Vec<&str> = std::iter::once("createdAt").chain(known).collect();
            let known = known.join(", ");
            Err(ApiError::bad_parameter("sort", format!("must be one of: {known}; with - before it, largest first")))
        }
    }
}

impl fmt::Display for ListPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            None => write!(f, "{}", self.id),
            Some(FieldValue::Text(text)) => write!(f, "{} t{text}", self.id),
            Some(FieldValue::Number(number)) => {
                write!(f, "{} d{}", self.id, number.map_or_else(String::new, |number| number.to_string()))
            }
            Some(FieldValue::Boolean(truth)) => {
                write!(f, "{} b{}", self.id, truth.map_or_else(String::new, |truth| truth.to_string()))
            }
        }
    }
}

impl FromStr for ListPosition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((id, key)) = text.split_once(' ') else { return Ok(Self { key: None, id: text.parse()? }) };
        let (kind, text) = key.split_at_checked(1).ok_or("no key")?;
        let key = match (kind, text) {
            ("t", text) if !text.contains('\0') => FieldValue::Text(text.to_owned()),
            ("d", "") => FieldValue::Number(None),
            ("d", text) => FieldValue::Number(Some(JsonNumber::parse(text).ok_or("no number")??)),
            ("b", "") => FieldValue::Boolean(None),
            ("b", text) => FieldValue::Boolean(Some(text.parse().map_err(|_| "no boolean")?)),
            _ => return Err("no such key".into()),
        };
        Ok(Self { key: Some(key), id: id.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_cursor() {
        let id = DocumentId::new();
        let text = |text: &str| Some(FieldValue::Text(text.to_owned()));
        for key in [
            None,
            text(""),
            text("a b\u{1F980}"),
            Some(FieldValue::Number(None)),
            Some(FieldValue::Number(Some(JsonNumber::Real(-0.5)))),
            Some(FieldValue::Number(Some(JsonNumber::Integer(i64::MIN)))),
            Some(FieldValue::Number(Some(JsonNumber::Unsigned(u64::MAX)))),
            Some(FieldValue::Boolean(None)),
            Some(FieldValue::Boolean(Some(true))),
        ] {
            let place: ListPosition = ListPosition { key: key.clone(), id }.to_string().parse().unwrap();
            assert_eq!((place.key, place.id), (key, id));
        }
        for forged in ["", "x", "é", "dNaN", "d1e400", "d-Infinity", "bmaybe", "n3ff0000000000000", "ta\0b"] {
            assert!(format!("{id} {forged}").parse::<ListPosition>().is_err(), "{forged}");
        }
    }
}
