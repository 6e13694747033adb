//! Moray and electric-moray processes.

use async_trait::async_trait;
use moray_client::{
    Client, ClientOptions, DeleteOptions, Error, GetOptions, Object, Put, PutOptions,
};
use serde_json::Value;

use crate::region::ports::{Moray, Objects};

/// The processes themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct MorayObjects;

impl Objects for MorayObjects {
    fn at(&self, address: &str, options: ClientOptions) -> Box<dyn Moray> {
        Box::new(Client::new(address, options))
    }
}

#[async_trait]
impl Moray for Client {
    fn address(&self) -> &str {
        Client::address(self)
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Object, Error> {
        self.get_object(bucket, key, &GetOptions::default()).await
    }

    async fn put(
        &self,
        bucket: &str,
        key: &str,
        value: &Value,
        options: &PutOptions,
    ) -> Result<Put, Error> {
        self.put_object(bucket, key, value, options).await
    }

    async fn delete(&self, bucket: &str, key: &str, options: &DeleteOptions) -> Result<(), Error> {
        self.delete_object(bucket, key, options).await
    }
}
