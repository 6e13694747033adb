function recordDeleteLog(req, cb) {
    var headers = req.headers || {};
    var previous = headers['x-muskie-prev-metadata'];
    var same = previous && req.value && req.value.objectId === previous.objectId;
    if (!previous || !previous.objectId || same) {
        cb();
        return;
    }
    var now = Date.now();
    var text = JSON.stringify(previous);
    var crc = -1, byte, bit;
    for (var i = 0; i < text.length; i++) {
        byte = (crc ^ text.charCodeAt(i)) & 0xff;
        for (bit = 0; bit < 8; bit++) {
            byte = (byte & 1) ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
        }
        crc = (crc >>> 8) ^ byte;
    }
    var etag = ('0000000' + (~crc >>> 0).toString(16).toUpperCase()).slice(-8);
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
