"""Requirements of Messaging, with the tests that check them.

| Scenario | Test |
|---|---|
| a Service with all of its properties, through every SDK | clients/test_services.py::test_every_operation |
| a Service that is refused | api/test_messaging_services.py |
| a number in pools | api/messaging/test_service_senders.py::test_a_number_is_in_one_pool_once |
| a number that can only call | api/messaging/test_service_senders.py::test_a_number_for_calls_only_cannot_be_added |
| a full pool | api/messaging/test_service_senders.py::test_a_pool_can_be_full |
| names as senders | api/messaging/test_service_senders.py::test_alphanumeric_senders_are_checked |
| names by country | api/messaging/test_service_senders.py::test_destinations |
| a deleted Service gives back | api/messaging/test_service_senders.py::test_a_deleted_service_gives_its_numbers_back |
| from a number | clients/messaging/test_end_to_end.py::test_from_a_number |
| through a Service, and back | clients/messaging/test_end_to_end.py::test_through_a_service_and_back |
| signatures of callbacks | clients/messaging/test_end_to_end.py::test_from_a_number |
| whose callback counts | api/messaging/test_sending.py::test_who_hears_is_the_message_then_the_service |
| the callback of an application | api/messaging/test_sending.py::test_the_applications_callback_comes_last |
| receipts of failures | api/messaging/test_sending.py::test_a_receipt_tells_why_a_phone_has_nothing |
| a person keeps their sender | api/messaging/test_sending.py::test_a_person_keeps_their_sender |
| keeping senders, switched off and on | api/messaging/test_service_effects.py::test_sticky_sender |
| a kept sender that left | api/messaging/test_pools_inside.py::test_a_person_is_remembered_until_the_sender_goes |
| a native number takes over | api/messaging/test_service_effects.py::test_a_native_number_takes_over |
| senders by a model | unit/products/messaging/senders/test_sender_choice.py::test_services_agree_with_the_model |
| which kind of sender | unit/products/messaging/senders/test_sender_choice.py::test_cases |
| area codes | api/messaging/test_service_effects.py::test_area_code_geomatch |
| no suitable sender | api/messaging/test_sending.py::test_no_suitable_sender_fails_it |
| names where they are taken | api/messaging/test_sending.py::test_alphanumeric_senders_for_those_who_take_them |
| attachments as links | api/messaging/test_service_effects.py::test_mms_converter |
| smart encoding | api/messaging/test_sending.py::test_long_texts_and_smart_encoding |
| smart encoding, switched off | api/messaging/test_service_effects.py::test_smart_encoding |
| segments | clients/messaging/test_segments_oracle.py::test_texts_around_the_limits_are_cut_as_the_calculator_does |
| segments on the wire | clients/messaging/test_smpp_peer.py::test_long_messages_are_read_by_the_peer |
| what is refused at once | api/messaging/test_messages_create.py::test_refusals |
| STOP to a Service | api/messaging/test_opt_outs.py::test_stop_to_a_service |
| STOP to a number | api/messaging/test_opt_outs.py::test_stop_to_a_number_outside_of_services |
| words of one's own | api/messaging/test_opt_outs.py::test_advanced_opt_out |
| STOP within a sentence | api/messaging/test_opt_outs.py::test_stop_please_is_an_ordinary_message |
| waiting too long | api/messaging/test_sending.py::test_what_waits_too_long_fails |
| a sender's rate | api/messaging/test_sending.py::test_a_slow_number_sends_a_segment_a_second |
| two senders' rates | api/messaging/test_sending.py::test_two_numbers_send_twice_as_fast |
| rates by kind | unit/products/messaging/lifecycle/test_lanes.py::test_each_kind_has_its_segments_a_second |
| a sender's rate over two nodes | nodes/test_messaging.py::test_a_senders_rate_and_order_bind_over_both_nodes |
| a full queue | api/messaging/test_messages_create.py::test_a_full_queue_refuses |
| a full queue behind a Service | api/messaging/test_codes.py::test_a_queue_that_is_full_fails_what_it_cannot_refuse |
| a network that throttles | faults/test_messaging_network.py::test_a_network_that_throttles_the_first_20 |
| a network that drops connections | faults/test_messaging_network.py::test_a_network_that_drops_every_50_messages |
| a wrong password | clients/messaging/test_smpp_peer.py::test_a_wrong_password |
| the window | clients/messaging/test_end_to_end.py::test_no_more_than_the_window_is_outstanding |
| hexadecimal ids | clients/messaging/test_smpp_peer.py::test_hexadecimal_ids_find_their_decimal_receipts |
| receipts before answers | clients/messaging/test_smpp_peer.py::test_receipts_before_the_answer_and_twice |
| scheduling | clients/messaging/test_messages.py::test_a_message_through_a_service_is_scheduled_and_canceled |
| scheduled, then stopped | api/messaging/test_opt_outs.py::test_a_scheduled_message_fails_when_it_is_due |
| redacting and deleting | api/messaging/test_messages_changes.py::test_a_redacted_text_is_gone_from_the_row |
| lists by filters | clients/messaging/test_messages.py::test_filters_and_pages |
| an inbound message | api/messaging/test_receiving.py::test_a_service_hears_everything_of_a_message |
| who is notified | api/messaging/test_receiving.py::test_who_is_told |
| inbound parts | clients/messaging/test_smpp_peer.py::test_inbound_parts_are_one_message |
| a part that never comes | api/messaging/test_receiving.py::test_a_missing_part_is_in_the_debugger |
| TwiML | api/messaging/test_app_replies.py::test_documents |
| TwiML of the SDK | api/messaging/test_app_replies.py::test_what_the_sdk_writes_is_carried_out |
| the fallback | api/messaging/test_app_replies.py::test_what_is_no_answer_leads_to_the_fallback |
| an app that hangs | api/messaging/test_app_replies.py::test_who_answers_too_slowly_is_not_waited_for |
| overrides in the URL | api/messaging/test_app_replies.py::test_overrides_ask_again_with_one_token |
| cookies | api/messaging/test_receiving.py::test_cookies_belong_to_a_pair_of_numbers_for_four_hours |
| credentials in the URL | api/messaging/test_receiving.py::test_credentials_are_sent_once_they_are_asked_for |
| GET | api/messaging/test_receiving.py::test_get_has_the_parameters_in_the_query_and_signs_all_of_it |
| reply loops | api/messaging/test_app_replies.py::test_the_sixteenth_of_quick_replies_fails |
| campaigns | api/messaging/test_a2p_enforcement.py::test_a_campaign_lets_messages_through |
| campaigns by the SDKs | clients/messaging/test_compliance.py::test_campaigns |
| short links | api/messaging/test_short_links.py::test_each_link_becomes_short_and_leads_on |
| short links that lead nowhere | api/messaging/test_short_links.py::test_links_that_lead_nowhere |
| API keys | api/messaging/test_messages_create.py::test_an_api_key_sends |
| test credentials | clients/messaging/test_messages.py::test_test_credentials |
| a suspended account | api/messaging/test_sending.py::test_a_suspended_account_sends_nothing |
| retention | api/messaging/test_sending.py::test_content_is_discarded_and_the_address_masked |
| restarts | faults/test_messaging_kill.py::test_kills_lose_no_message |
| kills among 10,000 queued | faults/test_messaging_kill.py::test_kills_among_ten_thousand_queued |
| a stop | faults/test_messaging_network.py::test_a_stop_with_messages_under_way |
| a killed node | nodes/test_messaging.py::test_a_killed_nodes_messages_go_on |
| every operation by the SDKs | clients/messaging/test_operations.py::test_every_operation_is_called |
"""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
ROW = re.compile(r"\| (?P<scenario>[^|]+) \| (?P<file>[\w/]+\.py)(::(?P<test>\w+))? \|")


def test_every_scenario_has_its_test() -> None:
    assert __doc__ is not None
    rows = [line for line in __doc__.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 60
    for line in rows:
        row = ROW.fullmatch(line)
        assert row is not None, line
        text = (TESTS / row["file"]).read_text()
        assert not row["test"] or f"def {row['test']}(" in text, line
