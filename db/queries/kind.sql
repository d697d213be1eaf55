-- What kind of database a file is: its application id, its schema version, how many objects it holds.
SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_application_id, pragma_user_version;
