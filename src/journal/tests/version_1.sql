-- A journal as version 1 of the schema left it: a rental settled and one open, a rent call without an
-- outcome, registrations, avoided machines, a report and the saved sprint.
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_micros INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
PRAGMA user_version = 1;
COMMIT;
INSERT INTO records (at_micros, body) VALUES (1790000000000000, '{"record":"checkpoint","sprint":{"left":"behind"}}');
INSERT INTO records (at_micros, body) VALUES (1790000000000000, '{"record":"rent_intended","label":"pocpit/home/359/1-abc","offer":7,"machine":8,"host":null,"prices":{"gpu_price":10000000,"storage_price":0,"download_per_gb":0,"download_gb":0.0},"reserved":20000000}');
INSERT INTO records (at_micros, body) VALUES (1790000060000000, '{"record":"rented","label":"pocpit/home/359/1-abc","instance":5}');
INSERT INTO records (at_micros, body) VALUES (1790000120000000, '{"record":"gpu_idle_until","instance":5,"until":"2026-09-21T14:17:20Z"}');
INSERT INTO records (at_micros, body) VALUES (1790000540000000, '{"record":"register_intended","node":"vast-5","instance":5}');
INSERT INTO records (at_micros, body) VALUES (1790000600000000, '{"record":"registered","node":"vast-5"}');
INSERT INTO records (at_micros, body) VALUES (1790004800000000, '{"record":"unregister_intended","node":"vast-5"}');
INSERT INTO records (at_micros, body) VALUES (1790004860000000, '{"record":"unregistered","node":"vast-5"}');
INSERT INTO records (at_micros, body) VALUES (1790004920000000, '{"record":"destroy_intended","instance":5}');
INSERT INTO records (at_micros, body) VALUES (1790004980000000, '{"record":"rental_gone","label":"pocpit/home/359/1-abc","instance":5,"cost":9500000}');
INSERT INTO records (at_micros, body) VALUES (1790005040000000, '{"record":"sprint_ended","report":{"outcome":"confirmed","cause":null,"epoch":358,"weight":1234,"cost_usd":9.5,"rentals_left":0,"registrations_left":0,"proxy_registered":true,"node":"vast-5","steps":[{"step":"waiting","started":"2026-09-21T14:13:20Z","ended":"2026-09-21T14:18:20Z","started_height":null},{"step":"done","started":"2026-09-21T15:43:20Z","ended":"2026-09-21T15:43:20Z","started_height":5536724}]}}');
INSERT INTO records (at_micros, body) VALUES (1790006000000000, '{"record":"rent_intended","label":"pocpit/home/359/2-abc","offer":7,"machine":8,"host":null,"prices":{"gpu_price":10000000,"storage_price":0,"download_per_gb":0,"download_gb":0.0},"reserved":20000000}');
INSERT INTO records (at_micros, body) VALUES (1790006060000000, '{"record":"rent_voided","label":"pocpit/home/359/2-abc","reason":"the offer was gone"}');
INSERT INTO records (at_micros, body) VALUES (1790006120000000, '{"record":"rent_intended","label":"pocpit/home/359/3-abc","offer":7,"machine":8,"host":null,"prices":{"gpu_price":10000000,"storage_price":0,"download_per_gb":0,"download_gb":0.0},"reserved":20000000}');
INSERT INTO records (at_micros, body) VALUES (1790006180000000, '{"record":"rented","label":"pocpit/home/359/3-abc","instance":7}');
INSERT INTO records (at_micros, body) VALUES (1790006240000000, '{"record":"gpu_idle_until","instance":7,"until":"2026-09-21T15:58:20Z"}');
INSERT INTO records (at_micros, body) VALUES (1790006360000000, '{"record":"machine_avoided","machine":8,"until":"2026-09-21T22:33:20Z","reason":"its disk was full"}');
INSERT INTO records (at_micros, body) VALUES (1790006360000000, '{"record":"machine_avoided","machine":9,"until":"2026-09-21T16:13:20Z","reason":"no CUDA"}');
INSERT INTO records (at_micros, body) VALUES (1790006420000000, '{"record":"rent_intended","label":"pocpit/home/359/4-abc","offer":7,"machine":8,"host":null,"prices":{"gpu_price":10000000,"storage_price":0,"download_per_gb":0,"download_gb":0.0},"reserved":20000000}');
INSERT INTO records (at_micros, body) VALUES (1790006480000000, '{"record":"register_intended","node":"vast-7","instance":7}');
INSERT INTO records (at_micros, body) VALUES (1790006540000000, '{"record":"registered","node":"vast-7"}');
INSERT INTO records (at_micros, body) VALUES (1790006600000000, '{"record":"checkpoint","sprint":{"plan":{"cockpit":"home","node_prefix":"vast-","lead":2700000,"margin":300000,"registration_margin":240000,"startup_timeout":3000000,"release":"after_validation","execution_timeout":10800000,"lease":1800000,"max_attempts":3,"caps":{"sprint":40000000,"day":80000000,"month":500000000,"credit_floor":1000000},"nonce":7},"mode":"auto","step":"waiting","spans":[{"step":"waiting","started":"2026-09-21T14:13:20Z","ended":null,"started_height":null}],"chain":null,"target":null,"after":null,"gate":null,"approved":[],"attempts":0,"rentals":0,"hunt":null,"rental":null,"boot":{"api_up":false,"ready":false,"left":null,"fault":null},"model_asked":null,"node":null,"proved_as":null,"proxy_listed":true,"weight":null,"weight_asked":null,"weight_asked_since":null,"weight_answered":false,"proving_began":false,"release":null,"ending":null,"outcome":null,"note":null,"wake":null}}');
