function recordDeleteLog(req, cb) {
    var headers = req.headers || {};
    var previous = headers['x-muskie-prev-metadata'];
    var same = previous && req.value && req.value.objectId === previous.objectId;
    if (!previous || !previous.objectId || same) {
        cb();
        return;
    }
    var crc = require('crc');
    var now = Date.now();
    var text = JSON.stringify(previous);
    var etag = crc.hex32(crc.crc32(text));
    var sql, values;
    if (headers['x-muskie-snaplinks-disabled']) {
        sql = 'INSERT INTO manta_fastdelete_queue (_key, _value, _etag, _mtime) VALUES ($1, $2, $3, $4)';
        values = [previous.objectId, text, etag, now];
    } else {
        sql = 'INSERT INTO manta_delete_log (_key, _value, _etag, _mtime, objectid) VALUES ($1, $2, $3, $4, $5)';
        values = ['/' + previous.objectId + '/' + now, text, etag, now, previous.objectId];
    }
    var query = req.pg.query(sql, values);
    query.once('error', cb);
    query.once('end', function () { cb(); });
}
