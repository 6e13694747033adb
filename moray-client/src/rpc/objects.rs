//! Objects: get, put, delete, find.

use serde::Serialize;

use super::{DeleteOptions, FindOptions, GetOptions, Object, Put, PutOptions, argument, call};
use crate::client::{Client, Nulls, Responses};
use crate::error::Error;

/// The options of every get: the cache is one of each Moray process, so what it has may be out of date; and a Moray that finds
/// an object there ends for not having taken a session for it.
#[derive(Serialize)]
struct PastTheCache<'a> {
    #[serde(flatten)]
    options: &'a GetOptions,
    #[serde(rename = "noCache")]
    no_cache: bool,
}

impl Client {
    /// Gets an object, from the database and not from a cache.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is no such object or bucket.
    pub async fn get_object(
        &self,
        bucket: &str,
        key: &str,
        options: &GetOptions,
    ) -> Result<Object, Error> {
        let args = vec![bucket.into(), key.into()];
        let (options, id) = (PastTheCache { options, no_cache: true }, options.request_id);
        call(self, "getObject", args, &options, id, Nulls::Refuse).await?.one().await
    }

    /// Puts an object: makes it, or writes over it if the options do not say otherwise. The value must be a JSON
    /// object.
    ///
    /// # Errors
    /// [`Error::is_etag_conflict`] if the object is not as [`PutOptions::etag`] says, [`Error::is_read_only`] if
    /// electric-moray takes no writes for it now.
    pub async fn put_object<V: Serialize + ?Sized>(
        &self,
        bucket: &str,
        key: &str,
        value: &V,
        options: &PutOptions,
    ) -> Result<Put, Error> {
        let method = "putObject";
        let args = vec![bucket.into(), key.into(), argument(method, value)?];
        call(self, method, args, options, options.request_id, Nulls::Refuse).await?.one().await
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// As of [`Self::put_object`], and [`Error::is_not_found`] if there is none.
    pub async fn delete_object(
        &self,
        bucket: &str,
        key: &str,
        options: &DeleteOptions,
    ) -> Result<(), Error> {
        let args = vec![bucket.into(), key.into()];
        // Moray answers with a value, electric-moray with none or with nulls.
        let id = options.request_id;
        call(self, "delObject", args, options, id, Nulls::Ignore).await?.all().await?;
        Ok(())
    }

    /// Finds the objects of a bucket that match a filter, such as `(&(dirname=/a/stor)(type=object))`, on indexed
    /// attributes.
    ///
    /// # Errors
    /// There is no connection. What else goes wrong, [`Objects::next`] tells.
    pub async fn find_objects(
        &self,
        bucket: &str,
        filter: &str,
        options: &FindOptions,
    ) -> Result<Objects, Error> {
        let args = vec![bucket.into(), filter.into()];
        let id = options.request_id;
        call(self, "findObjects", args, options, id, Nulls::Refuse).await.map(Objects)
    }
}

/// The objects that a search finds, as they come. Dropping it gives the search up.
#[derive(Debug)]
pub struct Objects(Responses);

impl Objects {
    /// The next object, or `None` after the last.
    ///
    /// # Errors
    /// The search failed, or the connection. What was given before was found nonetheless.
    pub async fn next(&mut self) -> Result<Option<Object>, Error> {
        self.0.next_as().await
    }

    /// All that are left.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub async fn all(mut self) -> Result<Vec<Object>, Error> {
        let mut objects = Vec::new();
        while let Some(object) = self.next().await? {
            objects.push(object);
        }
        Ok(objects)
    }
}
