
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='RequestRow',
            fields=[
                ('id', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('project', models.CharField(db_index=True, max_length=40)),
                ('author_issuer', models.CharField(max_length=200)),
                ('author_subject', models.CharField(db_index=True, max_length=80)),
                ('status', models.CharField(db_index=True, max_length=24)),
                ('turn', models.PositiveIntegerField()),
                ('version', models.PositiveIntegerField()),
                ('created', models.DateTimeField()),
                ('changed', models.DateTimeField()),
                ('job_until', models.DateTimeField(null=True)),
                ('job_next', models.DateTimeField(null=True)),
                ('body', models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name='DrawnRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('project', models.CharField(max_length=40)),
                ('issuer', models.CharField(max_length=200)),
                ('subject', models.CharField(max_length=80)),
                ('total', models.BigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('project', 'issuer', 'subject'), name='one_total_a_workspace')],
            },
        ),
        migrations.CreateModel(
            name='KeyRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=80)),
                ('human', models.CharField(max_length=300)),
                ('request_id', models.CharField(max_length=40)),
                ('at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('key', 'human'), name='one_answer_a_key')],
            },
        ),
        migrations.CreateModel(
            name='CommentRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(max_length=200)),
                ('subject', models.CharField(max_length=80)),
                ('turn', models.PositiveIntegerField()),
                ('at', models.DateTimeField()),
                ('text', models.TextField()),
                ('public', models.BooleanField()),
                ('review', models.BooleanField()),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='egress.requestrow')),
            ],
        ),
        migrations.CreateModel(
            name='ReviewRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('turn', models.PositiveIntegerField()),
                ('issuer', models.CharField(max_length=200)),
                ('subject', models.CharField(max_length=80)),
                ('submitted', models.DateTimeField(null=True)),
                ('opened', models.DateTimeField(null=True)),
                ('voided', models.BooleanField(default=False)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='reviews', to='egress.requestrow')),
            ],
        ),
        migrations.CreateModel(
            name='VoteRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.CharField(max_length=255)),
                ('choice', models.CharField(max_length=16)),
                ('digest', models.CharField(max_length=64)),
                ('salt', models.CharField(max_length=64)),
                ('review', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='votes', to='egress.reviewrow')),
            ],
        ),
        migrations.CreateModel(
            name='FileRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('sha256', models.CharField(db_index=True, max_length=64)),
                ('sanitised', models.CharField(blank=True, db_index=True, max_length=64)),
                ('body', models.JSONField()),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='files', to='egress.requestrow')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('request', 'name'), name='one_file_a_name')],
            },
        ),
        migrations.CreateModel(
            name='DownloadRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('issuer', models.CharField(max_length=200)),
                ('subject', models.CharField(max_length=80)),
                ('file', models.CharField(max_length=255)),
                ('served', models.PositiveIntegerField(default=0)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='downloads', to='egress.requestrow')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('request', 'issuer', 'subject', 'file'), name='one_count_a_person_a_file')],
            },
        ),
        migrations.AddConstraint(
            model_name='reviewrow',
            constraint=models.UniqueConstraint(fields=('request', 'turn', 'issuer', 'subject'), name='one_review_a_person_a_turn'),
        ),
        migrations.AddConstraint(
            model_name='voterow',
            constraint=models.UniqueConstraint(fields=('review', 'file'), name='one_vote_a_file'),
        ),
    ]
