SELECT unit FROM unit WHERE serial = :serial;
