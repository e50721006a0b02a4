package tidegate.duties_test

import data.tidegate.duties
import data.tidegate.fixture

kinds(question, registered) := value if {
	value := {duty.kind | some duty in duties.owed} with input as question
		with data.licences as registered
}

picture := fixture.but(fixture.release, "/subject/files", [{"kind": "png", "sha256": "ff"}])

test_each_point_has_its_own if {
	kinds(fixture.approve, fixture.licences) == {"destroy"}
	kinds(fixture.start, fixture.licences) == set()
	kinds(fixture.release, fixture.licences) == {"attribution"}
}

test_adapted_material_owes_more if kinds(picture, fixture.licences) == {"attribution", "share_alike"}

test_duties_of_all_licences_are_owed if {
	other := [object.union(fixture.licences.open.duties[0], {"detail": "Thank them too."})]
	both := fixture.two(fixture.release, {"duties": other})
	{"Courtesy of the archive.", "Thank them too."} == {d.detail | some d in duties.owed} with input as both.question
		with data.licences as both.licences
}

test_a_duty_names_data_set_and_clause if {
	{"kind": "attribution", "dataset": "d1", "detail": "Courtesy of the archive.", "clause": "4"} in duties.owed with input as fixture.release
		with data.licences as fixture.licences
}
